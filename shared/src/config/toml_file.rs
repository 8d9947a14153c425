//! `mooring.toml`: the same settings as keys, `listen = "0.0.0.0:8080"`; a table is a prefix
//! (`[github] client_id` is `github_client_id`), a list is what the variable writes with commas.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::settings::SETTINGS;

/// The file's values by variable name.
pub(super) fn read(text: Option<&str>, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    match text.map(str::parse::<toml::Table>) {
        None => {}
        Some(Ok(table)) => flatten("", table, &mut values, faults),
        // The error's own text quotes the line, which may hold a secret.
        Some(Err(error)) => faults.push(fault(format!(
            "cannot be read: {}{}",
            error.message(),
            error.span().map_or_else(String::new, |span| {
                let before = text
                    .unwrap_or_default()
                    .get(..span.start)
                    .unwrap_or_default();
                format!(" in line {}", before.matches('\n').count() + 1)
            })
        ))),
    }
    values
}

fn flatten(
    prefix: &str,
    table: toml::Table,
    values: &mut BTreeMap<String, String>,
    faults: &mut Vec<Fault>,
) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        if let toml::Value::Table(inner) = value {
            flatten(&format!("{key}_"), inner, values, faults);
            continue;
        }
        match scalar(&value) {
            Some(text) => {
                values.insert(variable(&key), text);
            }
            None => faults.push(fault(format!(
                "{key} must be a text, a whole number, true or false, or a list of texts"
            ))),
        }
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}

/// The variable that means the same: those of others (`DATABASE_URL`) have no prefix.
fn variable(key: &str) -> String {
    let upper = key.to_ascii_uppercase();
    let foreign = SETTINGS
        .iter()
        .any(|s| upper == s.name || upper == s.file_name());
    if foreign {
        upper
    } else {
        format!("MOORING_{upper}")
    }
}

fn fault(problem: String) -> Fault {
    Fault {
        setting: "mooring.toml".to_owned(),
        problem,
    }
}
