//! NUL characters: valid in JSON, impossible in Postgres, useful to nobody.

use serde_json::Value;

/// Whether JSON text holds the escape of a NUL character. A backslash that is itself escaped
/// starts no escape, so the ones before the `u` are counted.
pub(super) fn is_in(json: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"u0000";
    let mut from = 0;
    while let Some(found) = json[from..]
        .windows(ESCAPE.len())
        .position(|window| window == ESCAPE)
    {
        let at = from + found;
        let backslashes = json[..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if backslashes % 2 == 1 {
            return true;
        }
        from = at + 1;
    }
    false
}

/// The path of the first text with a NUL character, for the answer.
pub(super) fn path_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| path_of(item).map(|rest| join(&format!("[{at}]"), &rest))),
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, item)| path_of(item).map(|rest| join(name, &rest))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn join(head: &str, rest: &str) -> String {
    match rest.chars().next() {
        None => head.to_owned(),
        Some('[') => format!("{head}{rest}"),
        Some(_) => format!("{head}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_escape_counts() {
        assert!(is_in(br#"{"name":"a\u0000"}"#));
        assert!(is_in(br#"{"name":"a\\\u0000"}"#));
        assert!(!is_in(br#"{"name":"a\\u0000 u0000"}"#));
        assert!(!is_in(br"{}"));
    }

    #[test]
    fn the_path_leads_there() {
        let value: Value = serde_json::from_str(r#"{"a":[{"b":"x\u0000"}]}"#).unwrap();
        assert_eq!(path_of(&value).unwrap(), "a[0].b");
    }
}
