//! Where the API of a GitHub is.
//!
//! Source: GitHub REST documentation. github.com has its API on a host of its own, so has a
//! tenant with data residency (`SUB.ghe.com`); GitHub Enterprise Server has it under `/api/v3`.

use url::{Host, Url};

use crate::domain::provider::{Instance, ProviderKind};

/// The instance at a web address. A path of the address is kept out of it: no GitHub is served
/// under one.
pub(super) fn at(web_url: &Url) -> Instance {
    let mut web_url = web_url.clone();
    web_url.set_path("");
    let mut api_url = web_url.clone();
    let api_host = match web_url.host() {
        // The API's own address and the old one with `www.` mean the same instance.
        Some(Host::Domain("github.com" | "www.github.com" | "api.github.com")) => {
            let known = web_url.set_host(Some("github.com")).is_ok();
            known.then(|| "api.github.com".to_owned())
        }
        Some(Host::Domain(name)) if is_data_residency(name) => Some(format!("api.{name}")),
        _ => None,
    };
    match api_host {
        Some(host) if api_url.set_host(Some(&host)).is_ok() => {}
        _ => api_url.set_path("/api/v3"),
    }
    Instance {
        kind: ProviderKind::Github,
        web_url,
        api_url,
        certificate: None,
    }
}

fn is_data_residency(name: &str) -> bool {
    name.strip_suffix(".ghe.com")
        .is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_host() {
        for (web, base, api) in [
            (
                "https://github.com",
                "https://github.com",
                "https://api.github.com/user",
            ),
            (
                "https://www.github.com/octocat",
                "https://github.com",
                "https://api.github.com/user",
            ),
            (
                "https://acme.ghe.com",
                "https://acme.ghe.com",
                "https://api.acme.ghe.com/user",
            ),
            (
                "https://git.acme.example",
                "https://git.acme.example",
                "https://git.acme.example/api/v3/user",
            ),
            (
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3000/api/v3/user",
            ),
        ] {
            let instance = at(&Url::parse(web).unwrap());
            assert_eq!(instance.base_url(), base, "{web}");
            assert_eq!(instance.api("/user").unwrap().as_str(), api, "{web}");
        }
    }
}
