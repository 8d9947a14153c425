//! The organization at Azure DevOps: what a connection to it has to say beside its token.

use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::ProviderKind;
use crate::flows::FieldError;

const FIELD: &str = "azure_organization";
/// Azure DevOps takes no longer name.
const LONGEST: usize = 50;

/// The name as it is to be stored. A token is good for one organization and does not tell which;
/// those for all of a person's organizations end (Microsoft, "Retirement of global personal
/// access tokens"). A person's OAuth grant is good for all of hers, or for the one that is named.
pub(super) fn check(
    provider: ProviderKind,
    method: AuthMethod,
    given: Option<&str>,
    faults: &mut Vec<FieldError>,
) -> Option<String> {
    let given = given.map(str::trim).filter(|name| !name.is_empty());
    let mut refuse = |code: &'static str, message: &str| {
        faults.push(FieldError::new(FIELD, code, message));
        None
    };
    match given {
        Some(_) if provider != ProviderKind::AzureDevops => refuse(
            "unsupported_combination",
            "Only Azure DevOps has organizations of this kind. Leave this out.",
        ),
        None if provider == ProviderKind::AzureDevops && method.is_pasted() => refuse(
            "required",
            "Name the organization that the token is for, as in https://dev.azure.com/NAME. Tokens for all accessible organizations (global personal access tokens) end on 2026-12-01: make one for this organization alone.",
        ),
        Some(name) if !is_name(name) => refuse(
            "malformed",
            "Write the organization's name alone, as in https://dev.azure.com/NAME: letters, digits and hyphens, at most 50.",
        ),
        other => other.map(str::to_owned),
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    name.len() <= LONGEST && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(
        provider: ProviderKind,
        method: AuthMethod,
        given: Option<&str>,
    ) -> Result<Option<String>, String> {
        let mut faults = Vec::new();
        let name = check(provider, method, given, &mut faults);
        match faults.pop() {
            None => Ok(name),
            Some(fault) => Err(fault.code.to_owned()),
        }
    }

    #[test]
    fn who_needs_one_and_what_it_is() {
        use AuthMethod::{Oauth, Pat};
        use ProviderKind::{AzureDevops, Github};
        let err = |code: &str| Err(code.to_owned());
        for (provider, method, given, expected) in [
            (
                AzureDevops,
                Pat,
                Some(" Fabrikam-2 "),
                Ok(Some("Fabrikam-2".to_owned())),
            ),
            (AzureDevops, Pat, None, err("required")),
            (AzureDevops, Pat, Some("  "), err("required")),
            (AzureDevops, Oauth, None, Ok(None)),
            (
                AzureDevops,
                Oauth,
                Some("acme"),
                Ok(Some("acme".to_owned())),
            ),
            (
                AzureDevops,
                Pat,
                Some("https://dev.azure.com/acme"),
                err("malformed"),
            ),
            (AzureDevops, Pat, Some("a/../b"), err("malformed")),
            (AzureDevops, Pat, Some(&"a".repeat(51)), err("malformed")),
            (Github, Pat, None, Ok(None)),
            (Github, Pat, Some(""), Ok(None)),
            (Github, Pat, Some("acme"), err("unsupported_combination")),
        ] {
            assert_eq!(
                said(provider, method, given),
                expected,
                "{provider:?} {given:?}"
            );
        }
    }
}
