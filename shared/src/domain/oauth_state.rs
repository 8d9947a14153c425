//! A consent or an installation that was begun and whose browser has not come back yet.

use chrono::{DateTime, TimeDelta, Utc};

use super::actor::Actor;
use super::ids::{ConnectionId, OauthStateId, OrganizationId, ProviderConfigId};
use super::provider::ProviderKind;
use super::text_enum::text_enum;

/// How long a browser may take.
pub const STATE_LIFETIME: TimeDelta = TimeDelta::minutes(10);

text_enum! {
    /// What the browser was sent for.
    pub enum StatePurpose {
        /// An account's consent.
        Oauth = "oauth",
        /// The installation of a GitHub App.
        Installation = "installation",
    }
}

/// What is kept of it, besides its PKCE verifier.
#[derive(Clone, Debug, PartialEq)]
pub struct OauthState {
    /// Its id.
    pub id: OauthStateId,
    /// Its tenant, or the platform.
    pub organization_id: OrganizationId,
    /// What for.
    pub purpose: StatePurpose,
    /// The provider.
    pub provider: ProviderKind,
    /// Root of the instance, no trailing slash.
    pub base_url: String,
    /// The registration; `None` is the platform's, from the settings.
    pub provider_config_id: Option<ProviderConfigId>,
    /// Its client.
    pub client_id: Option<String>,
    /// Exactly as it was sent.
    pub redirect_uri: String,
    /// Where the browser is sent in the end.
    pub redirect_url: Option<String>,
    /// SHA-256 of the cookie that the browser got.
    pub cookie_sha256: Vec<u8>,
    /// Whether it has to show it.
    pub cookie_required: bool,
    /// The connection to heal.
    pub connection_id: Option<ConnectionId>,
    /// The GitHub App that is to be installed.
    pub github_app_id: Option<i64>,
    /// The installation of it that a browser has named, which goes on to say who it is.
    pub github_app_installation_id: Option<i64>,
    /// Who began it.
    pub actor: Actor,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub consumed_at: Option<DateTime<Utc>>,
}
