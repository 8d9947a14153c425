//! Names that people give: 1–100 characters on one line.

use super::FieldError;

/// The trimmed name; what is wrong with it goes to `faults`. `thing` is what it names.
pub(super) fn check(name: &str, thing: &str, faults: &mut Vec<FieldError>) -> String {
    let name = name.trim();
    match name.chars().count() {
        0 => faults.push(FieldError::new(
            "name",
            "required",
            format!("Give the {thing} a name."),
        )),
        1..=100 if name.chars().any(char::is_control) => faults.push(FieldError::new(
            "name",
            "invalid_characters",
            "A name has no line breaks or control characters.",
        )),
        1..=100 => {}
        _ => faults.push(FieldError::new(
            "name",
            "too_long",
            "A name has at most 100 characters.",
        )),
    }
    name.to_owned()
}
