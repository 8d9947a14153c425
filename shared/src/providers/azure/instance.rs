//! Where Azure DevOps is: one place for everybody, with web and API at the same addresses.

use url::Url;

use crate::domain::provider::{Instance, ProviderKind};
use crate::outbound::UrlError;

/// The instance at a web address.
pub(super) fn at(web_url: &Url) -> Instance {
    let mut web_url = web_url.clone();
    let root = web_url.path().trim_end_matches('/').to_owned();
    web_url.set_path(&root);
    Instance {
        kind: ProviderKind::AzureDevops,
        api_url: web_url.clone(),
        certificate: None,
        web_url,
    }
}

/// Refuses every address but that of the configured instance. Somebody who pastes the address of
/// an organization is told where its name belongs.
pub(super) fn check(configured: &Instance, web_url: &Url) -> Result<(), UrlError> {
    let here = configured.base_url();
    if at(web_url).base_url() == here {
        return Ok(());
    }
    let message = if web_url.origin() == configured.web_url.origin() {
        "Leave base_url out, and write the organization's name into azure_organization.".to_owned()
    } else {
        format!(
            "Mooring reaches Azure DevOps Services only, at {here}, and no Azure DevOps Server. Leave base_url out, and write the organization's name into azure_organization."
        )
    };
    Err(UrlError {
        code: "unsupported_instance",
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_place_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let here = at(&url("https://dev.azure.com/"));
        assert_eq!(here.base_url(), "https://dev.azure.com");
        assert_eq!(
            here.api("/acme/_apis/projects").unwrap().as_str(),
            "https://dev.azure.com/acme/_apis/projects"
        );
        let said = |text: &str| check(&here, &url(text)).map_err(|error| error.message);
        assert_eq!(said("https://dev.azure.com"), Ok(()));
        assert!(said("https://dev.azure.com/acme").is_err_and(|said| said.starts_with("Leave")));
        for other in [
            "https://acme.visualstudio.com",
            "https://tfs.acme.example/tfs",
        ] {
            assert!(
                said(other).is_err_and(|said| said.contains("Services only")),
                "{other}"
            );
        }
    }
}
