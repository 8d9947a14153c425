//! A connection as callers see it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::auth_method::AuthMethod;
use shared::domain::connection::{Account, Connection};
use shared::domain::health::Health;
use shared::domain::ids::{ConnectionId, OrganizationId, UserId};
use shared::domain::lifecycle::ConnectionStatus;
use shared::domain::provider::ProviderKind;
use shared::domain::quota::RateLimit;
use shared::flows::connections::health_of;

use crate::page::Plural;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// The platform's, possibly shared with every organization.
    Platform,
    /// One organization's.
    Organization,
}

/// A connection. Its credential is write-only and no part of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Connection")]
pub(crate) struct ConnectionView {
    /// Its id.
    id: ConnectionId,
    /// Whose it is.
    level: Level,
    /// Its organization; `null` for the platform's.
    organization_id: Option<OrganizationId>,
    /// Whether every organization may use it (the platform's only).
    allow_org_usage: bool,
    /// Its name.
    name: String,
    /// Anything.
    description: Option<String>,
    /// The provider.
    provider: ProviderKind,
    /// Root of the instance.
    base_url: String,
    /// How it authenticates.
    auth_method: AuthMethod,
    /// Coarse status; `health` says more.
    status: ConnectionStatus,
    /// What is the matter, and the next step.
    health: Health,
    /// Whether people want it used.
    is_active: bool,
    /// The user name it was given, else the account's login.
    username: Option<String>,
    /// The account at the provider.
    account: Account,
    /// Scopes as granted; `null` where the provider does not tell.
    scopes: Option<Vec<String>>,
    /// Scopes that syncing needs and that were not granted.
    missing_scopes: Vec<String>,
    /// When the access token ends.
    token_expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    refresh_token_expires_at: Option<DateTime<Utc>>,
    /// Last refresh.
    last_refreshed_at: Option<DateTime<Utc>>,
    /// Last validation.
    validated_at: Option<DateTime<Utc>>,
    /// What the last validation found wrong.
    validation_error: Option<String>,
    /// Last use of the credential.
    last_used_at: Option<DateTime<Utc>>,
    /// End of the last complete sync.
    last_synced_at: Option<DateTime<Utc>>,
    /// Repositories known and not removed.
    repository_count: i32,
    /// The provider's rate limit as last seen.
    rate_limit: RateLimit,
    /// The same as `rate_limit.remaining`.
    rate_limit_remaining: Option<i32>,
    /// The GitHub App.
    github_app_id: Option<i64>,
    /// The installation of it.
    github_app_installation_id: Option<i64>,
    /// Who made it.
    created_by: Option<UserId>,
    /// Their name then.
    created_by_name: Option<String>,
    /// When it was made.
    create_date: DateTime<Utc>,
    /// When it was last changed.
    update_date: DateTime<Utc>,
}

impl Plural for ConnectionView {
    const PLURAL: &'static str = "connections";
}

impl From<Connection> for ConnectionView {
    fn from(c: Connection) -> Self {
        let health = health_of(&c);
        let username = c.shown_username();
        Self {
            id: c.id,
            level: if c.organization_id.is_platform() {
                Level::Platform
            } else {
                Level::Organization
            },
            organization_id: c.organization_id.shown(),
            allow_org_usage: c.allow_org_usage,
            name: c.name,
            description: c.description,
            provider: c.provider,
            base_url: c.base_url,
            auth_method: c.auth_method,
            status: c.status,
            health,
            is_active: c.is_active,
            username,
            account: c.account,
            scopes: c.scopes,
            missing_scopes: c.missing_scopes,
            token_expires_at: c.token_expires_at,
            refresh_token_expires_at: c.refresh_token_expires_at,
            last_refreshed_at: c.last_refreshed_at,
            validated_at: c.validated_at,
            validation_error: c.validation_error,
            last_used_at: c.last_used_at,
            last_synced_at: c.last_synced_at,
            repository_count: c.repository_count,
            rate_limit: c.rate_limit,
            rate_limit_remaining: c.rate_limit.remaining,
            github_app_id: c.github_app_id,
            github_app_installation_id: c.github_app_installation_id,
            created_by: c.created_by,
            created_by_name: c.created_by_name,
            create_date: c.created_at,
            update_date: c.updated_at,
        }
    }
}
