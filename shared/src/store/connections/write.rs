//! Writing connections.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::quota::RateLimit;
use crate::store::error::StoreError;

/// Stores a new connection. Its turn to be synced by the clock comes somewhere in the next interval,
/// so that what is connected at once does not come up at once ever after.
///
/// # Errors
/// As every statement ([`StoreError`]).
pub async fn insert(db: impl PgExecutor<'_>, connection: &Connection) -> Result<(), StoreError> {
    let c = connection;
    sqlx::query!(
        "WITH made AS (INSERT INTO connections (organization_id, id, allow_org_usage, name, description, \
            provider, base_url, azure_organization, auth_method, status, health_code, \
            health_since, health_action_url, is_active, auto_rotate, username, account_id, \
            account_login, account_type, account_display_name, account_avatar_url, scopes, \
            missing_scopes, token_expires_at, refresh_token_expires_at, validated_at, \
            validation_error, rate_limit, rate_limit_remaining, rate_limit_reset_at, created_by, \
            created_by_name, created_at, updated_at, github_app_id, github_app_installation_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $33, \
            $34, $35) \
         RETURNING organization_id, id, created_at) \
         INSERT INTO turns (organization_id, connection_id, kind, last_at) \
         SELECT organization_id, id, kind, created_at - random() * every \
         FROM made, (VALUES ('sync', interval '4 hours'), ('validation', interval '6 hours')) \
            k(kind, every)",
        c.organization_id.0,
        c.id.0,
        c.allow_org_usage,
        c.name,
        c.description,
        c.provider.as_str(),
        c.base_url,
        c.azure_organization,
        c.auth_method.as_str(),
        c.status.as_str(),
        c.health_code.as_str(),
        c.health_since,
        c.health_action_url,
        c.is_active,
        c.auto_rotate,
        c.username,
        c.account.id,
        c.account.login,
        c.account.kind,
        c.account.display_name,
        c.account.avatar_url,
        c.scopes.as_deref(),
        &c.missing_scopes,
        c.token_expires_at,
        c.refresh_token_expires_at,
        c.validated_at,
        c.validation_error,
        c.rate_limit.limit,
        c.rate_limit.remaining,
        c.rate_limit.reset_at,
        c.created_by.map(|id| id.0),
        c.created_by_name,
        c.created_at,
        c.github_app_id,
        c.github_app_installation_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What people may change of a connection's face; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// 1–100 characters.
    pub name: Option<String>,
    /// `Some(None)` clears it.
    pub description: Option<Option<String>>,
    /// Whether people want it used.
    pub is_active: Option<bool>,
    /// Whether every organization may use it.
    pub allow_org_usage: Option<bool>,
    /// Whether a GitLab token rotates itself.
    pub auto_rotate: Option<bool>,
    /// The user name of an API token.
    pub username: Option<String>,
}

/// Changes a connection's face.
///
/// # Errors
/// As every statement.
pub async fn patch(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    patch: &Patch,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET name = COALESCE($2, name), \
            description = CASE WHEN $3 THEN $4 ELSE description END, \
            is_active = COALESCE($5, is_active), \
            allow_org_usage = COALESCE($6, allow_org_usage), \
            auto_rotate = COALESCE($7, auto_rotate), username = COALESCE($8, username), \
            updated_at = $9 \
         WHERE id = $1",
        id.0,
        patch.name,
        patch.description.is_some(),
        patch.description.clone().flatten(),
        patch.is_active,
        patch.allow_org_usage,
        patch.auto_rotate,
        patch.username,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records what a validation or a call found, with the status it leads to.
///
/// # Errors
/// As every statement.
pub async fn record_validation(
    db: impl PgExecutor<'_>,
    connection: &Connection,
) -> Result<(), StoreError> {
    let c = connection;
    sqlx::query!(
        "UPDATE connections SET status = $2, health_code = $3, health_since = $4, \
            health_action_url = $5, account_id = $6, account_login = $7, account_type = $8, \
            account_display_name = $9, account_avatar_url = $10, scopes = $11, \
            missing_scopes = $12, token_expires_at = $13, validated_at = $14, \
            validation_error = $15, rate_limit = $16, rate_limit_remaining = $17, \
            rate_limit_reset_at = $18, username = $19 \
         WHERE id = $1",
        c.id.0,
        c.status.as_str(),
        c.health_code.as_str(),
        c.health_since,
        c.health_action_url,
        c.account.id,
        c.account.login,
        c.account.kind,
        c.account.display_name,
        c.account.avatar_url,
        c.scopes.as_deref(),
        &c.missing_scopes,
        c.token_expires_at,
        c.validated_at,
        c.validation_error,
        c.rate_limit.limit,
        c.rate_limit.remaining,
        c.rate_limit.reset_at,
        c.username,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes when the refresh token ends, with a new one.
///
/// # Errors
/// As every statement.
pub async fn note_refresh_end(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    refresh_expires_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET refresh_token_expires_at = $2 \
         WHERE id = $1 AND refresh_token_expires_at IS DISTINCT FROM $2",
        id.0,
        refresh_expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Sets the health alone: for what a call found that does not touch the status.
///
/// # Errors
/// As every statement.
pub async fn set_health(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    code: HealthCode,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET health_code = $2, health_since = $3, health_action_url = NULL \
         WHERE id = $1 AND health_code <> $2",
        id.0,
        code.as_str(),
        since,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes a use of the credential and what the answer told of the rate limit; whether the connection is
/// there. It is locked until the transaction ends.
///
/// # Errors
/// As every statement.
pub async fn record_use(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    limit: &RateLimit,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE connections SET last_used_at = $2, rate_limit = COALESCE($3, rate_limit), \
            rate_limit_remaining = COALESCE($4, rate_limit_remaining), \
            rate_limit_reset_at = COALESCE($5, rate_limit_reset_at) \
         WHERE id = $1",
        id.0,
        now,
        limit.limit,
        limit.remaining,
        limit.reset_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes a connection with everything that hangs on it; whether it was there.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, id: ConnectionId) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM connections WHERE id = $1", id.0)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes connections with everything that hangs on them; how many were there.
///
/// # Errors
/// As every statement.
pub async fn delete_many(db: impl PgExecutor<'_>, ids: &[ConnectionId]) -> Result<u64, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let done = sqlx::query!("DELETE FROM connections WHERE id = ANY($1)", &ids)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
