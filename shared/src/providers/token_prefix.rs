//! Whose token it is, by its form.
//!
//! Sources: GitHub "About authentication" (token formats), GitLab "Token overview" (prefixes),
//! Atlassian's formats as seen (`ATATT`, `ATCTT`, `ATBB`), Microsoft's `AZDO` signature in tokens
//! of 84 characters. An absent prefix says nothing: legacy tokens and self-hosted instances have
//! their own.

use super::TokenFormError;
use crate::domain::provider::ProviderKind;

/// Longer than any vendor's token (GitHub's longest are about 520 characters).
const LONGEST: usize = 4096;

/// The provider whose prefix a token carries.
pub(super) fn owner(token: &str) -> Option<ProviderKind> {
    const GITHUB: [&str; 6] = ["ghp_", "github_pat_", "gho_", "ghu_", "ghs_", "ghr_"];
    const GITLAB: [&str; 11] = [
        "glpat-", "gldt-", "gloas-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glagent-",
        "glwt-", "glsoat-",
    ];
    const BITBUCKET: [&str; 3] = ["ATATT3", "ATCTT3", "ATBB"];
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| token.starts_with(prefix));
    if begins(&GITHUB) {
        Some(ProviderKind::Github)
    } else if begins(&GITLAB) {
        Some(ProviderKind::Gitlab)
    } else if begins(&BITBUCKET) {
        Some(ProviderKind::Bitbucket)
    } else if token.len() == 84 && token.get(76..80) == Some("AZDO") {
        Some(ProviderKind::AzureDevops)
    } else {
        None
    }
}

/// What holds for a token of any provider: something is there, on one line, without spaces, and
/// it is not another provider's.
pub(super) fn check(token: &str, kind: ProviderKind) -> Result<(), TokenFormError> {
    let name = kind.display_name();
    if token.is_empty() {
        return malformed(format!("The token is empty. Paste a {name} token."));
    }
    if token.len() > LONGEST {
        return malformed(format!(
            "The token is longer than {LONGEST} bytes. Paste the {name} token alone."
        ));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return malformed(format!(
            "The token holds spaces, line breaks or other characters that no {name} token has. Copy it again, alone."
        ));
    }
    match owner(token) {
        Some(other) if other != kind => {
            let other = other.display_name();
            Err(TokenFormError {
                code: "wrong_provider_token",
                message: format!(
                    "This is a {other} token, and the connection is for {name}. Paste a {name} token, or choose {other} as the provider."
                ),
            })
        }
        _ => Ok(()),
    }
}

fn malformed(message: String) -> Result<(), TokenFormError> {
    Err(TokenFormError {
        code: "malformed_token",
        message,
    })
}
