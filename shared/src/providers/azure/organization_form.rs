//! Which organization a credential is for, as somebody wrote it.
//!
//! Source: Microsoft, "Naming restrictions" (letters, digits and hyphens, at most 50), and
//! "Retirement of global personal access tokens".

use super::super::TokenFormError;
use crate::domain::auth_method::AuthMethod;

/// Azure DevOps takes no longer name.
const LONGEST: usize = 50;

/// A token is good for one organization and does not tell which, so it needs the name. A person's
/// OAuth grant is good for all of hers, or for the one that is named.
pub(super) fn check(
    method: AuthMethod,
    given: Option<&str>,
) -> Result<Option<String>, TokenFormError> {
    match given {
        Some(name) if is_name(name) => Ok(Some(name.to_owned())),
        Some(_) => refused(
            "malformed",
            "Write the organization's name alone, as in https://dev.azure.com/NAME: letters, digits and hyphens, at most 50.",
        ),
        None if method.is_pasted() => refused(
            "required",
            "Name the organization that the token is for, as in https://dev.azure.com/NAME. Tokens for all accessible organizations (global personal access tokens) end on 2026-12-01: make one for this organization alone.",
        ),
        None => Ok(None),
    }
}

fn refused(code: &'static str, message: &str) -> Result<Option<String>, TokenFormError> {
    Err(TokenFormError {
        code,
        message: message.to_owned(),
    })
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_one_and_what_it_is() {
        use AuthMethod::{Oauth, Pat};
        let too_long = "a".repeat(51);
        for (method, given, expected) in [
            (Pat, Some("Fabrikam-2"), Ok(Some("Fabrikam-2".to_owned()))),
            (Pat, None, Err("required")),
            (Oauth, None, Ok(None)),
            (Oauth, Some("acme"), Ok(Some("acme".to_owned()))),
            (Pat, Some("https://dev.azure.com/acme"), Err("malformed")),
            (Oauth, Some("a/../b"), Err("malformed")),
            (Pat, Some(""), Err("malformed")),
            (Pat, Some(&too_long), Err("malformed")),
        ] {
            let found = check(method, given).map_err(|error| error.code);
            assert_eq!(found, expected, "{given:?}");
        }
    }
}
