//! A connection: an organization's (or the platform's) way into one account at a provider.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::auth_method::AuthMethod;
use super::health::HealthCode;
use super::ids::{ConnectionId, OrganizationId, UserId};
use super::lifecycle::ConnectionStatus;
use super::provider::ProviderKind;
use super::quota::RateLimit;

/// The account at the provider that a credential acts as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Account {
    /// The provider's immutable id, as text.
    #[serde(skip)]
    pub id: Option<String>,
    /// Its login.
    pub login: Option<String>,
    /// `user`, `organization`, `bot`, … in the provider's words, lower-case.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its full name.
    pub display_name: Option<String>,
    /// Its picture.
    pub avatar_url: Option<String>,
}

/// A connection in a list of all that somebody may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Its id.
    pub id: ConnectionId,
    /// Its tenant, or the platform.
    pub organization_id: OrganizationId,
    /// The tenant's name; `None` for the platform.
    pub organization_name: Option<String>,
    /// The provider.
    pub provider: ProviderKind,
    /// What was given as user name, else the account's login.
    pub username: Option<String>,
    /// Its name.
    pub name: String,
    /// Coarse status.
    pub status: ConnectionStatus,
}

/// A connection as stored, without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its tenant, or the platform.
    pub organization_id: OrganizationId,
    /// Whether every organization may use it (platform connections).
    pub allow_org_usage: bool,
    /// 1–100 characters.
    pub name: String,
    /// Anything.
    pub description: Option<String>,
    /// The provider.
    pub provider: ProviderKind,
    /// Root of the instance, no trailing slash.
    pub base_url: String,
    /// The organization at Azure DevOps.
    pub azure_organization: Option<String>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Coarse status.
    pub status: ConnectionStatus,
    /// Fine status.
    pub health_code: HealthCode,
    /// Since when the code stands.
    pub health_since: DateTime<Utc>,
    /// A page at the provider where the next step is done.
    pub health_action_url: Option<String>,
    /// Whether people want it used at all.
    pub is_active: bool,
    /// Whether a GitLab token rotates itself before it ends.
    pub auto_rotate: bool,
    /// What was given as user name, to authenticate with (Bitbucket API tokens).
    pub username: Option<String>,
    /// The account at the provider.
    pub account: Account,
    /// Scopes as granted; `None` where the provider does not tell.
    pub scopes: Option<Vec<String>>,
    /// Scopes that syncing needs and that were not granted.
    pub missing_scopes: Vec<String>,
    /// When the access token ends.
    pub token_expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_token_expires_at: Option<DateTime<Utc>>,
    /// Last refresh.
    pub last_refreshed_at: Option<DateTime<Utc>>,
    /// Last validation.
    pub validated_at: Option<DateTime<Utc>>,
    /// What the last validation found wrong: a sentence of ours.
    pub validation_error: Option<String>,
    /// Last use of the credential.
    pub last_used_at: Option<DateTime<Utc>>,
    /// End of the last complete sync.
    pub last_synced_at: Option<DateTime<Utc>>,
    /// Repositories known and not removed.
    pub repository_count: i32,
    /// The rate limit as last seen.
    pub rate_limit: RateLimit,
    /// The GitHub App.
    pub github_app_id: Option<i64>,
    /// The installation of it.
    pub github_app_installation_id: Option<i64>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Their name then.
    pub created_by_name: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Connection {
    /// Takes a health over; since when it stands moves only where it is another.
    pub fn set_health(&mut self, code: HealthCode, now: DateTime<Utc>) {
        if self.health_code != code {
            self.health_code = code;
            self.health_since = now;
        }
    }

    /// The user name as shown: what was given, else the account's login.
    #[must_use]
    pub fn shown_username(&self) -> Option<String> {
        let given = self.username.clone().filter(|name| !name.is_empty());
        given.or_else(|| self.account.login.clone())
    }
}
