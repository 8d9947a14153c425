//! `mooring openapi`: prints the description of the API.

use std::io::Write;

use crate::exit::Failure;

/// As JSON, for people and tools.
pub fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&::api::openapi())
        .map_err(|error| Failure::failed(format!("the description cannot be written: {error}")))?;
    // A closed pipe (`mooring openapi | head`) ends the command without a word.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
    Ok(())
}
