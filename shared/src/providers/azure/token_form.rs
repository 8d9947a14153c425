//! Which pasted tokens can work with Azure DevOps.
//!
//! Source: Microsoft, "Use personal access tokens" (52 characters of base32 before July 2024, 84
//! characters with the signature `AZDO` since). Neither form is demanded: the provider refuses
//! what it does not know, and may change it again.

use super::super::TokenFormError;
use super::super::token_prefix;
use crate::domain::provider::ProviderKind;

pub(super) fn check(token: &str) -> Result<(), TokenFormError> {
    token_prefix::check(token, ProviderKind::AzureDevops)?;
    // Base64 of `{"`, twice: a JSON Web Token.
    let mut parts = token.split('.');
    let is_jwt = token.starts_with("eyJ") && parts.by_ref().count() == 3;
    if is_jwt {
        return Err(TokenFormError {
            code: "unsupported_token",
            message: "This is an access token of Microsoft Entra, which ends within hours. Paste a personal access token with the scopes Code (read) and Project and team (read).".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_their_form() {
        let new = format!("{}AZDO4a5B", "x1".repeat(38));
        for (token, expected) in [
            (new.as_str(), "ok"),
            ("abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst", "ok"),
            ("eyJ0eXAi.eyJhdWQi.c2ln", "unsupported_token"),
            ("ghp_abc", "wrong_provider_token"),
            ("glpat-abc", "wrong_provider_token"),
            ("ATATT3xFf", "wrong_provider_token"),
            ("ATBBabc", "wrong_provider_token"),
            ("", "malformed_token"),
            ("two words", "malformed_token"),
        ] {
            assert_eq!(
                check(token).map_or_else(|error| error.code, |()| "ok"),
                expected,
                "{token}"
            );
        }
    }
}
