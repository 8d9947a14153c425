//! A registration that an organization or the platform has made at an instance of a provider: an
//! OAuth app, a GitHub App, and what its own certificate authority is.

use chrono::{DateTime, Utc};

use super::ids::{OrganizationId, ProviderConfigId, UserId};
use super::provider::ProviderKind;

/// A registration as stored, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Its id.
    pub id: ProviderConfigId,
    /// Its tenant, or the platform.
    pub organization_id: OrganizationId,
    /// The provider.
    pub provider: ProviderKind,
    /// Root of the instance, no trailing slash.
    pub base_url: String,
    /// The OAuth app's public id.
    pub client_id: Option<String>,
    /// When its secret ends, as somebody noted (Entra's do).
    pub client_secret_expires_at: Option<DateTime<Utc>>,
    /// Scopes to ask for instead of the usual ones.
    pub scopes: Option<Vec<String>>,
    /// The GitHub App's numeric id.
    pub github_app_id: Option<i64>,
    /// Its name in `github.com/apps/…`.
    pub github_app_slug: Option<String>,
    /// Certificates (PEM) of the authority that the instance's own certificate is from.
    pub ca_certificate: Option<String>,
    /// Which secrets are stored.
    pub secrets: StoredSecrets,
    /// Who saved it last; `None` for a program.
    pub configured_by: Option<UserId>,
    /// When it was first saved.
    pub created_at: DateTime<Utc>,
    /// When it was last saved.
    pub updated_at: DateTime<Utc>,
}

/// Which secrets of a registration are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredSecrets {
    /// The OAuth app's secret.
    pub client_secret: bool,
    /// The GitHub App's private key.
    pub github_app_private_key: bool,
    /// The GitHub App's webhook secret.
    pub webhook_secret: bool,
}

impl ProviderConfig {
    /// The fields that are set, in the words of the API.
    #[must_use]
    pub fn fields_set(&self) -> Vec<&'static str> {
        [
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.secrets.client_secret),
            (
                "client_secret_expires_at",
                self.client_secret_expires_at.is_some(),
            ),
            ("scopes", self.scopes.is_some()),
            ("github_app_id", self.github_app_id.is_some()),
            ("github_app_slug", self.github_app_slug.is_some()),
            (
                "github_app_private_key",
                self.secrets.github_app_private_key,
            ),
            ("webhook_secret", self.secrets.webhook_secret),
            ("ca_certificate", self.ca_certificate.is_some()),
        ]
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(field, _)| field)
        .collect()
    }
}
