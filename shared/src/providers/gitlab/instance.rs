//! Where the API of a GitLab is: under `/api/v4` of its root, which may itself be a sub-path.

use url::Url;

use crate::domain::provider::{Instance, ProviderKind};

/// The instance at a web address.
pub(super) fn at(web_url: &Url) -> Instance {
    let root = web_url.path().trim_end_matches('/').to_owned();
    let (mut web_url, mut api_url) = (web_url.clone(), web_url.clone());
    web_url.set_path(&root);
    api_url.set_path(&format!("{root}/api/v4"));
    Instance {
        kind: ProviderKind::Gitlab,
        web_url,
        api_url,
        certificate: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_a_sub_path() {
        for (web, base, api) in [
            (
                "https://gitlab.com",
                "https://gitlab.com",
                "https://gitlab.com/api/v4/user",
            ),
            (
                "https://acme.example/gitlab/",
                "https://acme.example/gitlab",
                "https://acme.example/gitlab/api/v4/user",
            ),
        ] {
            let instance = at(&Url::parse(web).unwrap());
            assert_eq!(instance.base_url(), base, "{web}");
            assert_eq!(instance.api("/user").unwrap().as_str(), api, "{web}");
        }
    }
}
