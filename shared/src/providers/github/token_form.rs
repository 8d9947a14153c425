//! Which pasted tokens can work with GitHub.
//!
//! Source: GitHub, "About authentication" (token formats) and "Token expiration and revocation".

use super::super::TokenFormError;
use super::super::token_prefix;
use crate::domain::provider::ProviderKind;

/// Texts without a prefix pass: GitHub Enterprise Server still accepts tokens of 40 hex digits.
pub(super) fn check(token: &str) -> Result<(), TokenFormError> {
    token_prefix::check(token, ProviderKind::Github)?;
    let message = if token.starts_with("ghs_") {
        "This is an installation token of a GitHub App, which ends within the hour. Connect the App itself (auth_method github_app), or paste a personal access token."
    } else if token.starts_with("ghr_") {
        "This is a refresh token, which the API does not accept. Paste a personal access token, or connect by OAuth."
    } else {
        return Ok(());
    };
    Err(TokenFormError {
        code: "unsupported_token",
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(token: &str) -> &'static str {
        check(token).map_or_else(|error| error.code, |()| "ok")
    }

    #[test]
    fn by_their_form() {
        for (token, expected) in [
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ok"),
            ("github_pat_11AAAAAAA0abc_def", "ok"),
            ("gho_abc", "ok"),
            ("ghu_abc", "ok"),
            ("0123456789abcdef0123456789abcdef01234567", "ok"),
            ("ghs_1_ey.J-x", "unsupported_token"),
            ("ghr_abc", "unsupported_token"),
            ("glpat-abc", "wrong_provider_token"),
            ("gldt-abc", "wrong_provider_token"),
            ("ATATT3xFfGF0", "wrong_provider_token"),
            ("", "malformed_token"),
            ("ghp_a b", "malformed_token"),
            ("ghp_a\nghp_b", "malformed_token"),
            ("ghp_ä", "malformed_token"),
        ] {
            assert_eq!(code(token), expected, "{token}");
        }
        assert_eq!(code(&"a".repeat(4096)), "ok");
        assert_eq!(code(&"a".repeat(4097)), "malformed_token");
        let azure = format!("{}AZDO{}", "a".repeat(76), "b".repeat(4));
        assert_eq!(code(&azure), "wrong_provider_token");
    }

    #[test]
    fn the_sentence_says_what_to_do() {
        let error = check("glpat-abc").unwrap_err();
        assert!(
            error.message.contains("GitLab token")
                && error.message.contains("Paste a GitHub token")
        );
        assert!(!error.message.contains("glpat-abc"));
    }
}
