//! The providers by kind: the one `match` on [`ProviderKind`] in the whole tree.

use std::sync::Arc;

use url::Url;

use super::azure::AzureDevops;
use super::bitbucket::Bitbucket;
use super::github::Github;
use super::gitlab::Gitlab;
use super::{AppDeliveries, Apps, HookDeliveries, Hooks, Provider, Webhooks};
use crate::clock::Clock;
use crate::domain::provider::{Instance, ProviderKind};
use crate::outbound::{Memory, Outbound, OutboundAllow, UrlError};

/// The instances that the platform's configuration names; a base URL that a connection leaves out
/// means these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredInstances {
    /// `MOORING_GITHUB_URL`.
    pub github_url: Url,
    /// `MOORING_GITHUB_API_URL`, where set; else it follows from the URL.
    pub github_api_url: Option<Url>,
    /// `MOORING_GITLAB_URL`.
    pub gitlab_url: Url,
    /// `MOORING_BITBUCKET_URL`.
    pub bitbucket_url: Url,
    /// `MOORING_BITBUCKET_API_URL`.
    pub bitbucket_api_url: Url,
    /// `MOORING_AZURE_URL`.
    pub azure_url: Url,
    /// `MOORING_AZURE_LOGIN_URL`.
    pub azure_login_url: Url,
    /// `MOORING_AZURE_PROFILE_URL`.
    pub azure_profile_url: Url,
}

/// Where the vendors are.
impl Default for ConfiguredInstances {
    fn default() -> Self {
        let url = |text: &str| Url::parse(text).expect("a constant");
        Self {
            github_url: url("https://github.com"),
            github_api_url: None,
            gitlab_url: url("https://gitlab.com"),
            bitbucket_url: url("https://bitbucket.org"),
            bitbucket_api_url: url("https://api.bitbucket.org/2.0"),
            azure_url: url("https://dev.azure.com"),
            azure_login_url: url("https://login.microsoftonline.com"),
            azure_profile_url: url("https://app.vssps.visualstudio.com"),
        }
    }
}

impl ConfiguredInstances {
    /// What may be reached, with the operator's own instances in it: that the configuration names
    /// them is permission enough, be they private or plain HTTP. The vendors' public hosts stay
    /// under the guard, which they pass.
    #[must_use]
    pub fn opened_in(&self, allow: OutboundAllow) -> OutboundAllow {
        const PUBLIC: [&str; 8] = [
            "github.com",
            "api.github.com",
            "gitlab.com",
            "bitbucket.org",
            "api.bitbucket.org",
            "dev.azure.com",
            "login.microsoftonline.com",
            "app.vssps.visualstudio.com",
        ];
        [
            Some(&self.github_url),
            self.github_api_url.as_ref(),
            Some(&self.gitlab_url),
            Some(&self.bitbucket_url),
            Some(&self.bitbucket_api_url),
            Some(&self.azure_url),
            Some(&self.azure_login_url),
            Some(&self.azure_profile_url),
        ]
        .into_iter()
        .flatten()
        .filter(|url| url.host_str().is_none_or(|host| !PUBLIC.contains(&host)))
        .fold(allow, OutboundAllow::with_origin)
    }
}

/// The adapters. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    outbound: Outbound,
    clock: Clock,
    configured: Arc<ConfiguredInstances>,
    github: Arc<Github>,
    gitlab: Arc<Gitlab>,
    bitbucket: Arc<Bitbucket>,
    azure: Arc<AzureDevops>,
}

impl Providers {
    /// The adapters over one HTTP client. Must be made inside the Tokio runtime that will use it:
    /// the GitHub library keeps a task there.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, configured: &ConfiguredInstances) -> Self {
        let ConfiguredInstances {
            github_url,
            github_api_url,
            gitlab_url,
            bitbucket_url,
            bitbucket_api_url,
            azure_url,
            azure_login_url,
            azure_profile_url,
            ..
        } = configured;
        Self {
            github: Arc::new(Github::new(
                outbound.clone(),
                clock.clone(),
                github_url,
                github_api_url.as_ref(),
            )),
            gitlab: Arc::new(Gitlab::new(outbound.clone(), clock.clone(), gitlab_url)),
            bitbucket: Arc::new(Bitbucket::new(
                outbound.clone(),
                clock.clone(),
                bitbucket_url,
                bitbucket_api_url,
            )),
            azure: Arc::new(AzureDevops::new(
                outbound.clone(),
                clock.clone(),
                azure_url,
                azure_login_url,
                azure_profile_url,
            )),
            outbound,
            clock,
            configured: Arc::new(configured.clone()),
        }
    }

    /// The same adapters with a memory, of one credential alone, for what is read through them.
    #[must_use]
    pub fn remembering(&self, memory: &Arc<Memory>) -> Self {
        let outbound = self.outbound.remembering(memory);
        Self::new(outbound, self.clock.clone(), &self.configured)
    }

    /// The adapter of a provider.
    #[must_use]
    pub fn of(&self, kind: ProviderKind) -> Arc<dyn Provider> {
        match kind {
            ProviderKind::Github => self.github.clone(),
            ProviderKind::Gitlab => self.gitlab.clone(),
            ProviderKind::Bitbucket => self.bitbucket.clone(),
            ProviderKind::AzureDevops => self.azure.clone(),
        }
    }

    /// What deliveries of a provider are like.
    #[must_use]
    pub fn webhooks(&self, kind: ProviderKind) -> Arc<dyn Webhooks> {
        match kind {
            ProviderKind::Github => self.github.clone(),
            ProviderKind::Gitlab => self.gitlab.clone(),
            ProviderKind::Bitbucket => self.bitbucket.clone(),
            ProviderKind::AzureDevops => self.azure.clone(),
        }
    }

    /// Hooks at a provider.
    #[must_use]
    pub fn hooks(&self, kind: ProviderKind) -> Arc<dyn Hooks> {
        match kind {
            ProviderKind::Github => self.github.clone(),
            ProviderKind::Gitlab => self.gitlab.clone(),
            ProviderKind::Bitbucket => self.bitbucket.clone(),
            ProviderKind::AzureDevops => self.azure.clone(),
        }
    }

    /// What hooks of repositories at a provider have sent.
    #[must_use]
    pub fn hook_deliveries(&self, kind: ProviderKind) -> Arc<dyn HookDeliveries> {
        match kind {
            ProviderKind::Github => self.github.clone(),
            ProviderKind::Gitlab => self.gitlab.clone(),
            ProviderKind::Bitbucket => self.bitbucket.clone(),
            ProviderKind::AzureDevops => self.azure.clone(),
        }
    }

    /// What Apps' hooks have sent: GitHub alone has Apps.
    #[must_use]
    pub fn app_deliveries(&self) -> Arc<dyn AppDeliveries> {
        self.github.clone()
    }

    /// What has Apps that are installed at accounts: GitHub alone.
    #[must_use]
    pub fn apps(&self) -> Arc<dyn Apps> {
        self.github.clone()
    }

    /// The instance at a base URL as somebody typed it, or the platform's configured one.
    ///
    /// # Errors
    /// [`UrlError`] where the URL is refused. The configured instance's own URL is not judged: the
    /// operator wrote it.
    pub fn instance(
        &self,
        kind: ProviderKind,
        base_url: Option<&str>,
    ) -> Result<Instance, UrlError> {
        let provider = self.of(kind);
        let checked = match base_url.map(str::trim).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => {
                // An address that can be none of the provider's is refused as that, not as an address.
                if let Ok(url) = Url::parse(text) {
                    provider.check_web_url(&url)?;
                }
                Some(self.outbound.check_url(text)?)
            }
        };
        Ok(provider.instance(checked.as_ref()))
    }

    /// Checks certificates (PEM) of an instance's certificate authority.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn check_certificate(&self, pem: &str) -> Result<(), String> {
        crate::outbound::check_certificate(pem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Limits;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn the_operators_own_instances_are_open() {
        let configured = ConfiguredInstances {
            github_url: url("http://10.0.0.5:3000"),
            github_api_url: Some(url("http://10.0.0.5:3001/api")),
            ..ConfiguredInstances::default()
        };
        let allow = configured.opened_in("127.0.0.1".parse().expect("a list"));
        assert_eq!(
            allow.to_string(),
            "127.0.0.1/32,10.0.0.5:3000,10.0.0.5:3001"
        );
    }

    #[tokio::test]
    async fn a_provider_without_an_adapter_says_so() {
        let configured = ConfiguredInstances::default();
        let outbound = Outbound::new(OutboundAllow::default(), Limits::API).expect("a client");
        let providers = Providers::new(outbound, Clock::system(), &configured);
        for kind in [
            ProviderKind::Github,
            ProviderKind::Gitlab,
            ProviderKind::Bitbucket,
            ProviderKind::AzureDevops,
        ] {
            assert_eq!(providers.of(kind).kind(), kind);
        }
        let github = |base| {
            providers
                .instance(ProviderKind::Github, base)
                .map(|one| one.api_url)
        };
        let known = url("https://api.github.com");
        assert_eq!(github(None), Ok(known.clone()));
        assert_eq!(github(Some(" https://github.com/ ")), Ok(known));
        assert_eq!(
            github(Some("https://git.acme.example")),
            Ok(url("https://git.acme.example/api/v3"))
        );
        assert!(github(Some("https://10.0.0.1")).is_err());
    }

    #[tokio::test]
    async fn bitbucket_is_in_one_place() {
        let configured = ConfiguredInstances::default();
        let outbound = Outbound::new(OutboundAllow::default(), Limits::API).expect("a client");
        let providers = Providers::new(outbound, Clock::system(), &configured);
        let at = |base| {
            providers
                .instance(ProviderKind::Bitbucket, base)
                .map(|one| (one.base_url(), one.api_url.to_string()))
        };
        let known = (
            "https://bitbucket.org".to_owned(),
            "https://api.bitbucket.org/2.0".to_owned(),
        );
        assert_eq!(at(None), Ok(known.clone()));
        assert_eq!(at(Some(" https://bitbucket.org/ ")), Ok(known));
        for other in ["https://bitbucket.acme.example", "https://10.0.0.1:7990"] {
            let refused = at(Some(other)).expect_err(other);
            assert!(refused.code == "unsupported_instance", "{refused}");
            assert!(refused.to_string().contains("Bitbucket"), "{refused}");
        }
        assert!(at(Some("bitbucket.org")).is_err());
    }
}
