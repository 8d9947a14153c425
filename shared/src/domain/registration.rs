//! What an operator or an organization has registered at a provider: an OAuth app, a GitHub App.

use super::provider::ProviderKind;
use super::secret::Secret;

/// An OAuth app.
#[derive(Clone, Debug)]
pub struct OauthApp {
    /// Its public id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
}

/// A GitHub App.
#[derive(Clone, Debug)]
pub struct GithubApp {
    /// Its numeric id.
    pub id: u64,
    /// Its name in `github.com/apps/…`; without it there is no installation link.
    pub slug: Option<String>,
    /// Its private key, PEM.
    pub private_key: Secret,
    /// Its webhook secret; without it its deliveries are refused.
    pub webhook_secret: Option<Secret>,
}

/// The platform's own registrations at its configured instances, from the settings.
#[derive(Clone, Debug, Default)]
pub struct PlatformApps {
    /// At GitHub.
    pub github: Option<OauthApp>,
    /// At GitLab.
    pub gitlab: Option<OauthApp>,
    /// At Bitbucket.
    pub bitbucket: Option<OauthApp>,
    /// At Microsoft Entra, for Azure DevOps.
    pub azure_devops: Option<OauthApp>,
    /// The GitHub App.
    pub github_app: Option<GithubApp>,
}

impl PlatformApps {
    /// The OAuth app at a provider.
    #[must_use]
    pub fn oauth(&self, kind: ProviderKind) -> Option<&OauthApp> {
        match kind {
            ProviderKind::Github => self.github.as_ref(),
            ProviderKind::Gitlab => self.gitlab.as_ref(),
            ProviderKind::Bitbucket => self.bitbucket.as_ref(),
            ProviderKind::AzureDevops => self.azure_devops.as_ref(),
        }
    }
}
