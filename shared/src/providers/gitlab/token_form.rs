//! Which pasted tokens can work with GitLab.
//!
//! Source: GitLab, "Token overview". The prefix of access tokens is the administrator's choice
//! on self-managed instances, so none is demanded; the prefixes of tokens that the API does not
//! accept are fixed.

use super::super::TokenFormError;
use super::super::token_prefix;
use crate::domain::provider::ProviderKind;

const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "gldt-",
        "a deploy token, which reads registries and clones, but cannot use the API",
    ),
    ("glrt-", "a runner's token"),
    ("glrtr-", "a runner registration token"),
    ("glcbt-", "a CI/CD job token, which ends with its job"),
    ("glptt-", "a pipeline trigger token"),
    ("glft-", "a feed token"),
    ("glagent-", "a cluster agent's token"),
    ("glwt-", "a workspace token"),
    ("glsoat-", "a SCIM token"),
    ("gloas-", "the secret of an OAuth application"),
];

pub(super) fn check(token: &str) -> Result<(), TokenFormError> {
    token_prefix::check(token, ProviderKind::Gitlab)?;
    match UNSUPPORTED
        .iter()
        .find(|(prefix, _)| token.starts_with(prefix))
    {
        None => Ok(()),
        Some((_, what)) => Err(TokenFormError {
            code: "unsupported_token",
            message: format!(
                "This is {what}. Paste a personal, project or group access token with the scope api or read_api."
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_their_form() {
        for (token, expected) in [
            ("glpat-abcdefghijklmnopqrst", "ok"),
            ("glpat-a1B2.01.0123abc", "ok"),
            ("acme-own-prefix-abc", "ok"),
            ("abcdefghijklmnopqrst", "ok"),
            ("gldt-abc", "unsupported_token"),
            ("glrt-abc", "unsupported_token"),
            ("glcbt-64_abc", "unsupported_token"),
            ("glptt-abc", "unsupported_token"),
            ("gloas-abc", "unsupported_token"),
            ("ghp_abc", "wrong_provider_token"),
            ("github_pat_abc", "wrong_provider_token"),
            ("ATBBabc", "wrong_provider_token"),
            ("", "malformed_token"),
            ("glpat-a b", "malformed_token"),
            ("glpat-a\u{7f}", "malformed_token"),
        ] {
            assert_eq!(
                check(token).map_or_else(|error| error.code, |()| "ok"),
                expected,
                "{token}"
            );
        }
        for (prefix, _) in UNSUPPORTED {
            assert_eq!(
                check(&format!("{prefix}x")).unwrap_err().code,
                "unsupported_token"
            );
        }
    }
}
