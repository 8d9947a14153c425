//! The providers by kind: the one `match` on [`ProviderKind`] in the whole tree.

use std::sync::Arc;

use url::Url;

use super::Provider;
use super::github::Github;
use super::gitlab::Gitlab;
use crate::clock::Clock;
use crate::domain::provider::{Instance, ProviderKind};
use crate::outbound::{Outbound, UrlError};

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
}

/// A provider that this version does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not supported by this version of Mooring. Use GitHub or GitLab.",
    .0.display_name()
)]
pub struct ProviderUnavailable(pub ProviderKind);

impl ProviderUnavailable {
    /// The stable code of the error.
    pub const CODE: &'static str = "provider_unavailable";
}

/// Why a base URL names no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// The provider is not served.
    #[error(transparent)]
    Provider(#[from] ProviderUnavailable),
    /// The URL is refused.
    #[error(transparent)]
    Url(#[from] UrlError),
}

/// The adapters. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    outbound: Outbound,
    github: Arc<Github>,
    gitlab: Arc<Gitlab>,
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
        } = configured;
        Self {
            github: Arc::new(Github::new(
                outbound.clone(),
                clock.clone(),
                github_url,
                github_api_url.as_ref(),
            )),
            gitlab: Arc::new(Gitlab::new(outbound.clone(), clock, gitlab_url)),
            outbound,
        }
    }

    /// The adapter of a provider.
    ///
    /// # Errors
    /// [`ProviderUnavailable`] for a provider without an adapter.
    pub fn of(&self, kind: ProviderKind) -> Result<Arc<dyn Provider>, ProviderUnavailable> {
        match kind {
            ProviderKind::Github => Ok(self.github.clone()),
            ProviderKind::Gitlab => Ok(self.gitlab.clone()),
            ProviderKind::Bitbucket | ProviderKind::AzureDevops => Err(ProviderUnavailable(kind)),
        }
    }

    /// The instance at a base URL as somebody typed it, or the platform's configured one.
    ///
    /// # Errors
    /// [`InstanceError`] where the provider is not served or the URL is refused. The configured
    /// instance's own URL is not judged: the operator wrote it.
    pub fn instance(
        &self,
        kind: ProviderKind,
        base_url: Option<&str>,
    ) -> Result<Instance, InstanceError> {
        let provider = self.of(kind)?;
        let checked = match base_url.map(str::trim).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(self.outbound.check_url(text)?),
        };
        Ok(provider.instance(checked.as_ref()))
    }
}
