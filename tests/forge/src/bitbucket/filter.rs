//! The query language of `q`, as far as conditions joined by `AND` go, and `sort`.

use chrono::{DateTime, Utc};

use super::errors;
use crate::answer::Answer;

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    Text(String),
    Flag(bool),
    Time(DateTime<Utc>),
}

/// `field operator value`.
#[derive(Debug, PartialEq)]
struct Condition {
    field: String,
    operator: &'static str,
    value: Field,
}

/// Conditions that all hold.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filter(Vec<Condition>);

/// Longer ones first: what begins with another one is read as itself.
const OPERATORS: [&str; 8] = ["!=", "!~", ">=", "<=", "=", "~", ">", "<"];

impl Filter {
    /// # Errors
    /// 400 for what is not understood, and for a field that is not one of `fields`.
    pub(super) fn read(text: Option<&str>, fields: &[&str]) -> Result<Self, Answer> {
        let Some(mut rest) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let mut conditions = Vec::new();
        loop {
            let (condition, behind) = Condition::read(rest).ok_or_else(|| errors::invalid("q"))?;
            if !fields.contains(&condition.field.as_str()) {
                return Err(errors::invalid("q"));
            }
            conditions.push(condition);
            rest = match behind.trim_start() {
                "" => return Ok(Self(conditions)),
                more => more
                    .strip_prefix("AND ")
                    .or_else(|| more.strip_prefix("and "))
                    .ok_or_else(|| errors::invalid("q"))?,
            };
        }
    }

    pub(super) fn takes(&self, look_up: impl Fn(&str) -> Option<Field>) -> bool {
        self.0
            .iter()
            .all(|condition| look_up(&condition.field).is_some_and(|held| condition.meets(&held)))
    }
}

impl Condition {
    fn read(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))?;
        let (field, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let operator = OPERATORS.into_iter().find(|one| rest.starts_with(one))?;
        let rest = rest[operator.len()..].trim_start();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                let (word, rest) = rest.split_at(end);
                let value = match word {
                    "true" => Field::Flag(true),
                    "false" => Field::Flag(false),
                    _ => Field::Time(DateTime::parse_from_rfc3339(word).ok()?.to_utc()),
                };
                (value, rest)
            }
        };
        let condition = Self {
            field: field.to_owned(),
            operator,
            value,
        };
        (!field.is_empty()).then_some((condition, rest))
    }

    fn meets(&self, held: &Field) -> bool {
        let contains = || match (held, &self.value) {
            (Field::Text(held), Field::Text(part)) => {
                held.to_lowercase().contains(&part.to_lowercase())
            }
            _ => false,
        };
        let compared = || match (held, &self.value) {
            (Field::Time(held), Field::Time(at)) => Some(held.cmp(at)),
            _ => None,
        };
        match self.operator {
            "=" => *held == self.value,
            "!=" => *held != self.value,
            "~" => contains(),
            "!~" => !contains(),
            ">" => compared().is_some_and(|order| order.is_gt()),
            ">=" => compared().is_some_and(|order| order.is_ge()),
            "<" => compared().is_some_and(|order| order.is_lt()),
            _ => compared().is_some_and(|order| order.is_le()),
        }
    }
}

/// The text up to the closing quote, with its escapes resolved, and what is behind it.
fn quoted_text(text: &str) -> Option<(Field, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((Field::Text(value), &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// `sort`: a field, descending with a minus before it.
pub(super) fn sort<'q>(
    text: Option<&'q str>,
    fields: &[&str],
) -> Result<Option<(&'q str, bool)>, Answer> {
    let Some(text) = text else { return Ok(None) };
    let (field, descending) = match text.strip_prefix('-') {
        Some(field) => (field, true),
        None => (text, false),
    };
    match fields.contains(&field) {
        true => Ok(Some((field, descending))),
        false => Err(errors::invalid("sort")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[&str] = &["name", "is_private", "created_on"];

    fn takes(q: &str, name: &str) -> Option<bool> {
        let filter = Filter::read(Some(q), FIELDS).ok()?;
        let at = "2026-01-15T12:00:00.5+00:00".parse().unwrap();
        Some(filter.takes(|field| match field {
            "name" => Some(Field::Text(name.to_owned())),
            "is_private" => Some(Field::Flag(true)),
            "created_on" => Some(Field::Time(at)),
            _ => None,
        }))
    }

    #[test]
    fn conditions_joined_by_and() {
        for (q, expected) in [
            ("", Some(true)),
            ("name ~ \"BOA\"", Some(true)),
            ("name~\"x\"", Some(false)),
            ("name = \"boat\" AND is_private=true", Some(true)),
            ("name !~ \"oa\"", Some(false)),
            ("name ~ \"a\\\"b\"", Some(false)),
            (
                "created_on >= 2026-01-15T12:00:00.500000+00:00 AND created_on <= 2026-01-15T12:00:00.500000+00:00",
                Some(true),
            ),
            ("created_on > 2026-01-15T12:00:00.500000+00:00", Some(false)),
            ("name ~ \"open", None),
            ("name", None),
            ("secret = \"x\"", None),
            ("name ~ \"a\" OR name ~ \"b\"", None),
            ("created_on > yesterday", None),
        ] {
            assert_eq!(takes(q, "boat"), expected, "{q}");
        }
    }
}
