//! Which pasted tokens can work with Bitbucket, and what has to be given with them.
//!
//! Source: Atlassian, "Using API tokens", "Access tokens", and the end of app passwords (creation
//! stopped in September 2025, all of them in June 2026). Prefixes as seen: `ATATT3` API token,
//! `ATCTT3` access token, `ATBB` app password. Other forms pass: they are Bitbucket's to refuse.

use super::super::TokenFormError;
use super::super::token_prefix;
use super::credential::{is_access_token, is_api_token, is_email};
use crate::domain::provider::ProviderKind;

pub(super) fn check(token: &str) -> Result<(), TokenFormError> {
    token_prefix::check(token, ProviderKind::Bitbucket)?;
    if token.starts_with("ATBB") {
        return fault(
            "unsupported_token",
            "This is an app password, which Bitbucket stopped accepting in June 2026. Make an API token with scopes at id.atlassian.com and give the e-mail of the Atlassian account as username, or paste an access token of a repository, project or workspace.",
        );
    }
    Ok(())
}

/// An API token goes with an e-mail; an access token goes alone or with the place it is for.
pub(super) fn check_username(token: &str, username: Option<&str>) -> Result<(), TokenFormError> {
    let username = username.map(str::trim).filter(|name| !name.is_empty());
    match username {
        None if is_api_token(token) => fault(
            "required",
            "An API token works together with an e-mail address. Give that of the Atlassian account that made the token.",
        ),
        Some(name) if is_api_token(token) && !is_email(name) => fault(
            "invalid_username",
            "An API token works with the e-mail address of the Atlassian account that made it, not with a Bitbucket user name. Give the e-mail address.",
        ),
        Some(name) if is_access_token(token) && is_email(name) => fault(
            "unsupported_combination",
            "An access token belongs to no person. Leave the e-mail address out (an empty username takes it away), or name the workspace (workspace) or the repository (workspace/repository) that the token is for.",
        ),
        Some(name) if is_access_token(token) && !is_place(name) => fault(
            "invalid_username",
            "Name the workspace (workspace) or the repository (workspace/repository) that the access token is for, as they stand in their addresses at Bitbucket.",
        ),
        _ => Ok(()),
    }
}

fn is_place(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let plain = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains([' ', '?', '#']);
    parts.len() <= 2 && parts.iter().all(plain)
}

fn fault(code: &'static str, message: &str) -> Result<(), TokenFormError> {
    Err(TokenFormError {
        code,
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(checked: Result<(), TokenFormError>) -> &'static str {
        checked.map_or_else(|error| error.code, |()| "ok")
    }

    #[test]
    fn by_their_form() {
        for (token, expected) in [
            ("ATATT3xFfGF0abc=0123ABCD", "ok"),
            ("ATCTT3xFfGN0abc=0123ABCD", "ok"),
            ("an-older-form", "ok"),
            ("ATBBabc", "unsupported_token"),
            ("ghp_abc", "wrong_provider_token"),
            ("glpat-abc", "wrong_provider_token"),
            ("", "malformed_token"),
            ("ATATT3 x", "malformed_token"),
        ] {
            assert_eq!(code(check(token)), expected, "{token}");
        }
        let message = check("ATBBabc").unwrap_err().message;
        assert!(message.contains("API token"), "{message}");
    }

    #[test]
    fn what_goes_with_them() {
        for (token, username, expected) in [
            ("ATATT3x", Some("ada@example.com"), "ok"),
            ("ATATT3x", None, "required"),
            ("ATATT3x", Some(" "), "required"),
            ("ATATT3x", Some("ada"), "invalid_username"),
            ("ATCTT3x", None, "ok"),
            ("ATCTT3x", Some(""), "ok"),
            ("ATCTT3x", Some("acme"), "ok"),
            ("ATCTT3x", Some("acme/site"), "ok"),
            ("ATCTT3x", Some("acme/site/x"), "invalid_username"),
            ("ATCTT3x", Some("../x"), "invalid_username"),
            (
                "ATCTT3x",
                Some("ada@example.com"),
                "unsupported_combination",
            ),
            ("other", None, "ok"),
        ] {
            let checked = check_username(token, username);
            assert_eq!(code(checked), expected, "{token} {username:?}");
        }
    }
}
