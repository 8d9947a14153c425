//! What can become of a delivery's body between a sender that means ill, or is broken, and its reader.
//!
//! Damage is data, so that a failure can be shown, shrunk and had again. Some of it knows that a body is
//! JSON and hits values (another type, a number that fits nowhere, a key that is not there or there twice,
//! depth, length); some of it hits bytes, whatever they mean.

use serde_json::Value;

/// Stands for text that is put in after the rest was written: what no [`Value`] can hold.
const MARK: &str = "\u{e000}here\u{e000}";

/// What breaks readers, as it stands in a body.
const SPLINTERS: [&[u8]; 27] = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"-0.0000000000000000000000000001e-400",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"123456789012345678901234567890123456789012345678901234567890",
    b"[]",
    b"{}",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"\"\\udc00\\ud800\"",
    b"\"\\ud83d\\ude00\\u202e\"",
    b"\"\xff\xfe\"",
    b"\"\xc0\x80\"",
    b"\"\x00\"",
    b"[[[[[[[[[[",
    b"{\"a\":",
    b",",
    b"\"id\":\"x\"",
    b"\"refs/heads/\"",
    b"\"0000000000000000000000000000000000000000\"",
    b"\"9999-99-99T99:99:99Z\"",
    b"\"-262144-01-01T00:00:00Z\"",
];

/// One thing that happens to a body. Places and choices are taken modulo what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A value becomes another.
    Value(usize, usize),
    /// A key goes, with its value.
    KeyGone(usize),
    /// A key comes twice, the second time with another value.
    KeyTwice(usize, usize),
    /// A value lies deeper, by so many lists or objects, at most 200.
    Deeper(usize, usize),
    /// A value becomes a text of so many characters, at most 70,000.
    Longer(usize, usize),
    /// The rest is cut off.
    Cut(usize),
    /// A byte is another.
    Byte(usize, usize),
    /// At most forty bytes are gone.
    Gap(usize, usize),
    /// Bytes come in between.
    Splinter(usize, usize),
    /// At most two hundred bytes come twice.
    Again(usize, usize),
}

impl Damage {
    /// The choice of a value that is a text of U+0000, which most databases cannot hold.
    pub const NUL: usize = 12;

    /// The damage that three numbers mean, whichever they are.
    pub fn of(kind: usize, place: usize, choice: usize) -> Self {
        match kind % 10 {
            0 => Self::Value(place, choice),
            1 => Self::KeyGone(place),
            2 => Self::KeyTwice(place, choice),
            3 => Self::Deeper(place, choice),
            4 => Self::Longer(place, choice),
            5 => Self::Cut(place),
            6 => Self::Byte(place, choice),
            7 => Self::Gap(place, choice),
            8 => Self::Splinter(place, choice),
            _ => Self::Again(place, choice),
        }
    }

    /// The body after it. Damage to values leaves alone what is no JSON any more.
    pub fn done_to(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Value(place, choice) => at_value(body, place, |_| splinter(choice).to_vec()),
            Self::KeyGone(place) => at_member(body, place, |_, _| None),
            Self::KeyTwice(place, choice) => at_member(body, place, |key, value| {
                let (key, value) = (Value::from(key).to_string(), value.to_string());
                Some(
                    [
                        value.as_bytes(),
                        b",",
                        key.as_bytes(),
                        b":",
                        splinter(choice),
                    ]
                    .concat(),
                )
            }),
            Self::Deeper(place, levels) => at_value(body, place, |value| {
                let levels = levels % 201;
                let (open, close) = match place % 2 {
                    0 => ("[", "]"),
                    _ => ("{\"a\":", "}"),
                };
                format!("{}{value}{}", open.repeat(levels), close.repeat(levels)).into_bytes()
            }),
            Self::Longer(place, length) => at_value(body, place, |_| {
                format!("\"{}\"", "x".repeat(length % 70_001)).into_bytes()
            }),
            _ => self.done_to_bytes(body.to_vec()),
        }
    }

    fn done_to_bytes(self, mut body: Vec<u8>) -> Vec<u8> {
        let length = body.len();
        let within = |place: usize| place % (length + 1);
        match self {
            Self::Cut(place) => body.truncate(within(place)),
            Self::Byte(place, to) if length > 0 => body[place % length] = to.to_le_bytes()[0],
            Self::Gap(place, wide) => {
                let from = within(place);
                body.drain(from..(from + wide % 41).min(length));
            }
            Self::Splinter(place, choice) => {
                let at = within(place);
                body.splice(at..at, splinter(choice).iter().copied());
            }
            Self::Again(place, wide) => {
                let from = within(place);
                let again = body[from..(from + wide % 201).min(length)].to_vec();
                body.splice(from..from, again);
            }
            _ => {}
        }
        body
    }
}

/// A body after all of this, one after the other.
pub fn damaged(body: &[u8], all: &[Damage]) -> Vec<u8> {
    all.iter()
        .fold(body.to_vec(), |body, damage| damage.done_to(&body))
}

fn splinter(choice: usize) -> &'static [u8] {
    SPLINTERS[choice % SPLINTERS.len()]
}

/// Puts other text in the place of a value.
fn at_value(body: &[u8], place: usize, other: impl FnOnce(&Value) -> Vec<u8>) -> Vec<u8> {
    let Ok(mut whole) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    let mut left = place % count(&whole);
    match nth(&mut whole, &mut left) {
        Some(value) => {
            let text = other(value);
            *value = MARK.into();
            written(&whole, &text)
        }
        None => body.to_vec(),
    }
}

/// Puts other text in the place of a member's value; `None` takes the member away.
fn at_member(
    body: &[u8],
    place: usize,
    other: impl FnOnce(&str, &Value) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let Ok(mut whole) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    // From a value on, the next object that has anything in it.
    let values = count(&whole);
    for at in (place % values..values).chain(0..place % values) {
        let mut left = at;
        let Some(Value::Object(members)) = nth(&mut whole, &mut left) else {
            continue;
        };
        let Some(key) = members.keys().nth(place % members.len().max(1)).cloned() else {
            continue;
        };
        let text = members.get(&key).and_then(|value| other(&key, value));
        let Some(text) = text else {
            members.remove(&key);
            return whole.to_string().into_bytes();
        };
        members.insert(key, MARK.into());
        return written(&whole, &text);
    }
    body.to_vec()
}

fn written(whole: &Value, text: &[u8]) -> Vec<u8> {
    let written = whole.to_string();
    let mark = Value::from(MARK).to_string();
    match written.split_once(&mark) {
        Some((before, after)) => [before.as_bytes(), text, after.as_bytes()].concat(),
        None => written.into_bytes(),
    }
}

/// Values in a value, itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The value that so many others come before.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_what_it_says() {
        let body = br#"{"a":[1,2],"b":{"c":"d"}}"#;
        let text = |damage: Damage| String::from_utf8_lossy(&damage.done_to(body)).into_owned();
        assert_eq!(
            text(Damage::Value(2, 4)),
            r#"{"a":[1e999,2],"b":{"c":"d"}}"#
        );
        assert_eq!(
            text(Damage::Value(5, Damage::NUL)),
            r#"{"a":[1,2],"b":{"c":"\u0000"}}"#
        );
        assert_eq!(text(Damage::KeyGone(1)), r#"{"a":[1,2],"b":{}}"#);
        assert_eq!(text(Damage::KeyGone(0)), r#"{"b":{"c":"d"}}"#);
        assert_eq!(
            text(Damage::KeyTwice(0, 0)),
            r#"{"a":[1,2],"a":null,"b":{"c":"d"}}"#
        );
        assert_eq!(
            text(Damage::Deeper(2, 2)),
            r#"{"a":[[[1]],2],"b":{"c":"d"}}"#
        );
        assert_eq!(text(Damage::Longer(5, 3)), r#"{"a":[1,2],"b":{"c":"xxx"}}"#);
        assert_eq!(text(Damage::Cut(4)), r#"{"a""#);
        assert_eq!(text(Damage::Gap(1, 4)), r#"{[1,2],"b":{"c":"d"}}"#);
        assert_eq!(Damage::Byte(0, 0x1ff).done_to(b"{"), [0xff]);
        assert_eq!(Damage::Again(0, 1).done_to(b"{"), b"{{");
        // What is no JSON is hit by bytes alone.
        assert_eq!(Damage::Value(0, 0).done_to(b"{"), b"{");
        assert_eq!(damaged(b"", &[Damage::Byte(1, 1), Damage::Cut(9)]), b"");
    }
}
