//! The row that every `SELECT` of connections gives.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::{Account, Connection};
use crate::domain::health::HealthCode;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::provider::ProviderKind;
use crate::domain::quota::RateLimit;

/// A row as selected.
pub(super) struct Row {
    /// The totals of the list that the row is on: own, own active, shared, shared active. Beside
    /// the rows they cost less than a statement of their own.
    pub(super) totals: Option<Vec<i64>>,
    pub(super) id: Uuid,
    pub(super) organization_id: Uuid,
    pub(super) allow_org_usage: bool,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) provider: ProviderKind,
    pub(super) base_url: String,
    pub(super) azure_organization: Option<String>,
    pub(super) auth_method: AuthMethod,
    pub(super) status: ConnectionStatus,
    pub(super) health_code: HealthCode,
    pub(super) health_since: DateTime<Utc>,
    pub(super) health_action_url: Option<String>,
    pub(super) is_active: bool,
    pub(super) auto_rotate: bool,
    pub(super) username: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) account_login: Option<String>,
    pub(super) account_type: Option<String>,
    pub(super) account_display_name: Option<String>,
    pub(super) account_avatar_url: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) missing_scopes: Vec<String>,
    pub(super) token_expires_at: Option<DateTime<Utc>>,
    pub(super) refresh_token_expires_at: Option<DateTime<Utc>>,
    pub(super) last_refreshed_at: Option<DateTime<Utc>>,
    pub(super) validated_at: Option<DateTime<Utc>>,
    pub(super) validation_error: Option<String>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) last_synced_at: Option<DateTime<Utc>>,
    pub(super) repository_count: i32,
    pub(super) rate_limit: Option<i32>,
    pub(super) rate_limit_remaining: Option<i32>,
    pub(super) rate_limit_reset_at: Option<DateTime<Utc>>,
    pub(super) github_app_id: Option<i64>,
    pub(super) github_app_installation_id: Option<i64>,
    pub(super) created_by: Option<Uuid>,
    pub(super) created_by_name: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

impl From<Row> for Connection {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            organization_id: row.organization_id.into(),
            allow_org_usage: row.allow_org_usage,
            name: row.name,
            description: row.description,
            provider: row.provider,
            base_url: row.base_url,
            azure_organization: row.azure_organization,
            auth_method: row.auth_method,
            status: row.status,
            health_code: row.health_code,
            health_since: row.health_since,
            health_action_url: row.health_action_url,
            is_active: row.is_active,
            auto_rotate: row.auto_rotate,
            username: row.username,
            account: Account {
                id: row.account_id,
                login: row.account_login,
                kind: row.account_type,
                display_name: row.account_display_name,
                avatar_url: row.account_avatar_url,
            },
            scopes: row.scopes,
            missing_scopes: row.missing_scopes,
            token_expires_at: row.token_expires_at,
            refresh_token_expires_at: row.refresh_token_expires_at,
            last_refreshed_at: row.last_refreshed_at,
            validated_at: row.validated_at,
            validation_error: row.validation_error,
            last_used_at: row.last_used_at,
            last_synced_at: row.last_synced_at,
            repository_count: row.repository_count,
            rate_limit: RateLimit {
                limit: row.rate_limit,
                remaining: row.rate_limit_remaining,
                reset_at: row.rate_limit_reset_at,
            },
            github_app_id: row.github_app_id,
            github_app_installation_id: row.github_app_installation_id,
            created_by: row.created_by.map(Into::into),
            created_by_name: row.created_by_name,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// `SELECT` of every column of [`Row`] from `connections c`, followed by the given tail.
macro_rules! select {
    (with_totals $tail:tt $(, $argument:expr)* $(,)?) => {
        $crate::store::connections::row::select!(@
            "(SELECT ARRAY[COALESCE(k.connections, 0), COALESCE(k.active_connections, 0),
                           s.connections, s.active_connections]
              FROM shared_connection_counter s LEFT JOIN organization_counters k ON true)",
            $tail $(, $argument)*
        )
    };
    (@ $totals:tt, $tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::store::connections::row::Row,
            r#"SELECT c.id, c.organization_id, c.allow_org_usage, c.name, c.description,
                c.provider AS "provider: _", c.base_url, c.azure_organization,
                c.auth_method AS "auth_method: _", c.status AS "status: _",
                c.health_code AS "health_code: _", c.health_since, c.health_action_url,
                c.is_active, c.auto_rotate, c.username, c.account_id, c.account_login,
                c.account_type, c.account_display_name, c.account_avatar_url, c.scopes,
                c.missing_scopes, c.token_expires_at, c.refresh_token_expires_at,
                c.last_refreshed_at, c.validated_at, c.validation_error, c.last_used_at,
                c.last_synced_at, c.repository_count, c.rate_limit, c.rate_limit_remaining,
                c.rate_limit_reset_at, c.github_app_id, c.github_app_installation_id,
                c.created_by, c.created_by_name, c.created_at, c.updated_at, "#
                + $totals + " AS totals " + $tail
            $(, $argument)*
        )
    };
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        $crate::store::connections::row::select!(@ "NULL::int8[]", $tail $(, $argument)*)
    };
}

pub(super) use select;
