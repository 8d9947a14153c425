//! `connections`: the public face of each connection.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::{Account, Connection};
use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::quota::RateLimit;

/// A row as selected; also carries the list's totals, which cost nothing beside the rows.
struct Row {
    id: Uuid,
    organization_id: Uuid,
    allow_org_usage: bool,
    name: String,
    description: Option<String>,
    provider: ProviderKind,
    base_url: String,
    azure_organization: Option<String>,
    auth_method: AuthMethod,
    status: ConnectionStatus,
    health_code: HealthCode,
    health_since: DateTime<Utc>,
    health_action_url: Option<String>,
    is_active: bool,
    auto_rotate: bool,
    username: Option<String>,
    account_id: Option<String>,
    account_login: Option<String>,
    account_type: Option<String>,
    account_display_name: Option<String>,
    account_avatar_url: Option<String>,
    scopes: Option<Vec<String>>,
    missing_scopes: Vec<String>,
    token_expires_at: Option<DateTime<Utc>>,
    refresh_token_expires_at: Option<DateTime<Utc>>,
    last_refreshed_at: Option<DateTime<Utc>>,
    validated_at: Option<DateTime<Utc>>,
    validation_error: Option<String>,
    last_used_at: Option<DateTime<Utc>>,
    last_synced_at: Option<DateTime<Utc>>,
    repository_count: i32,
    rate_limit: Option<i32>,
    rate_limit_remaining: Option<i32>,
    rate_limit_reset_at: Option<DateTime<Utc>>,
    github_app_id: Option<i64>,
    github_app_installation_id: Option<i64>,
    created_by: Option<Uuid>,
    created_by_name: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
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
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
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
                c.created_by, c.created_by_name, c.created_at, c.updated_at "#
                + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new connection.
///
/// # Errors
/// As every statement ([`StoreError`]).
pub async fn insert(db: impl PgExecutor<'_>, connection: &Connection) -> Result<(), StoreError> {
    let c = connection;
    sqlx::query!(
        "INSERT INTO connections (organization_id, id, allow_org_usage, name, description, \
            provider, base_url, azure_organization, auth_method, status, health_code, \
            health_since, health_action_url, is_active, auto_rotate, username, account_id, \
            account_login, account_type, account_display_name, account_avatar_url, scopes, \
            missing_scopes, token_expires_at, refresh_token_expires_at, validated_at, \
            validation_error, rate_limit, rate_limit_remaining, rate_limit_reset_at, created_by, \
            created_by_name, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $33)",
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
    )
    .execute(db)
    .await?;
    Ok(())
}

/// One connection; `None` where the tenant has none of this id.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let row = select!("FROM connections c WHERE c.id = $1", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// One connection, locked until the transaction ends: for changes that depend on what it is.
///
/// # Errors
/// As every statement.
pub async fn get_for_update(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let row = select!("FROM connections c WHERE c.id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// Which connections a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// All of the tenant.
    All,
    /// Only those that people want used.
    Active,
}

/// A page of the tenant's own connections, newest first, and whether more follow in its
/// direction. One row more than asked is read to know it.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    request: &PageRequest<ConnectionId>,
) -> Result<(Vec<Connection>, bool), StoreError> {
    let limit = i64::from(request.per_page) + 1;
    let (below, offset) = match request.start {
        Start::Offset(offset) => (Uuid::max(), i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (id.0, 0),
        Start::Before(id) => return list_before(db, filter, id, request.per_page).await,
    };
    // The inner select runs over the index alone, so that an offset does not read what it skips.
    let rows = match filter {
        ListFilter::All => {
            select!(
                "FROM (SELECT p.id FROM connections p WHERE p.id < $1 ORDER BY p.id DESC OFFSET $2 LIMIT $3) page
                 JOIN connections c ON c.id = page.id ORDER BY page.id DESC",
                below, offset, limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(
                "FROM (SELECT p.id FROM connections p WHERE p.is_active AND p.id < $1 ORDER BY p.id DESC OFFSET $2 LIMIT $3) page
                 JOIN connections c ON c.id = page.id ORDER BY page.id DESC",
                below, offset, limit
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(cut(rows, request.per_page))
}

async fn list_before(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    id: ConnectionId,
    per_page: u32,
) -> Result<(Vec<Connection>, bool), StoreError> {
    let limit = i64::from(per_page) + 1;
    let rows = match filter {
        ListFilter::All => {
            select!(
                "FROM connections c WHERE c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
        ListFilter::Active => {
            select!(
                "FROM connections c WHERE c.is_active AND c.id > $1 ORDER BY c.id LIMIT $2",
                id.0,
                limit
            )
            .fetch_all(db)
            .await?
        }
    };
    let (mut connections, more) = cut(rows, per_page);
    connections.reverse();
    Ok((connections, more))
}

fn cut(mut rows: Vec<Row>, per_page: u32) -> (Vec<Connection>, bool) {
    let wanted = per_page as usize;
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    (rows.into_iter().map(Into::into).collect(), more)
}

/// The platform's shared connections, newest first: read under the platform's setting.
///
/// # Errors
/// As every statement.
pub async fn list_shared(
    db: impl PgExecutor<'_>,
    filter: ListFilter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Connection>, StoreError> {
    let rows = select!(
        "FROM connections c WHERE c.allow_org_usage AND (c.is_active OR NOT $1) ORDER BY c.id DESC OFFSET $2 LIMIT $3",
        filter == ListFilter::Active, offset, limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
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

/// Notes a use of the credential and what the answer told of the rate limit.
///
/// # Errors
/// As every statement.
pub async fn record_use(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    limit: &RateLimit,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
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
    Ok(())
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
