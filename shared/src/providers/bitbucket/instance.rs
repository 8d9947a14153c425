//! Where Bitbucket Cloud is: in one place, with its API on an origin of its own.

use url::Url;

use crate::domain::provider::{Instance, ProviderKind};

/// The instance behind the platform's addresses.
pub(super) fn at(web_url: &Url, api_url: &Url) -> Instance {
    let trimmed = |url: &Url| {
        let mut url = url.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url
    };
    Instance {
        kind: ProviderKind::Bitbucket,
        web_url: trimmed(web_url),
        api_url: trimmed(api_url),
        certificate: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_keeps_its_version() {
        let url = |text| Url::parse(text).unwrap();
        let instance = at(
            &url("https://bitbucket.org/"),
            &url("https://api.bitbucket.org/2.0/"),
        );
        assert_eq!(instance.base_url(), "https://bitbucket.org");
        assert_eq!(
            instance.api("/user").unwrap().as_str(),
            "https://api.bitbucket.org/2.0/user"
        );
    }
}
