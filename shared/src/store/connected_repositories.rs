//! `connected_repositories`: what scanners may touch.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ConnectedRepositoryId, ConnectionId, OrganizationId, UserId};
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::ConnectedRepository;

macro_rules! select {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ConnectedRepository,
            r#"SELECT id, organization_id, connection_id, provider AS "provider: ProviderKind",
                provider_repository_id, full_name, sast_enabled, sca_enabled, default_branch,
                last_scan_at, created_at, updated_at FROM connected_repositories "#
                + $tail
            $(, $argument)*
        )
    };
}

/// Connects a repository.
///
/// # Errors
/// [`StoreError::Conflict`] where it is connected already, [`StoreError::Missing`] where the
/// connection is gone.
pub async fn insert(
    db: impl PgExecutor<'_>,
    new: &ConnectedRepository,
    connection_organization: OrganizationId,
    created_by: Option<UserId>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO connected_repositories (organization_id, id, connection_organization_id, \
            connection_id, provider, provider_repository_id, full_name, sast_enabled, \
            sca_enabled, default_branch, created_by, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        new.organization_id.0,
        new.id.0,
        connection_organization.0,
        new.connection_id.0,
        new.provider.as_str(),
        new.provider_repository_id,
        new.full_name,
        new.sast_enabled,
        new.sca_enabled,
        new.default_branch,
        created_by.map(|id| id.0),
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// One of them.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: ConnectedRepositoryId,
) -> Result<Option<ConnectedRepository>, StoreError> {
    Ok(select!("WHERE id = $1", id.0).fetch_optional(db).await?)
}

/// The tenant's row of a repository at a connection, by the provider's id: none or one.
///
/// # Errors
/// As every statement.
pub async fn of_repository(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
) -> Result<Vec<ConnectedRepository>, StoreError> {
    let rows = select!(
        "WHERE connection_id = $1 AND provider_repository_id = $2 LIMIT 1",
        connection.0,
        provider_repository_id
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A page, newest first, of one connection or of all; see
/// [`Page::cut`](crate::domain::page::Page::cut) for its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    connection: Option<ConnectionId>,
    request: &PageRequest<ConnectedRepositoryId>,
) -> Result<Vec<ConnectedRepository>, StoreError> {
    let connection = connection.map(|c| c.0);
    let below = match request.start {
        Start::Offset(_) => Uuid::max(),
        Start::After(id) => id.0,
        Start::Before(id) => {
            let rows = select!(
                "WHERE id > $1 AND ($2::uuid IS NULL OR connection_id = $2) ORDER BY id LIMIT $3",
                id.0,
                connection,
                request.limit()
            )
            .fetch_all(db)
            .await?;
            return Ok(rows);
        }
    };
    let rows = select!(
        "WHERE id < $1 AND ($2::uuid IS NULL OR connection_id = $2) ORDER BY id DESC OFFSET $3 LIMIT $4",
        below,
        connection,
        request.offset(),
        request.limit()
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The first of a connection's, by name.
///
/// # Errors
/// As every statement.
pub async fn first(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    limit: i64,
) -> Result<Vec<ConnectedRepository>, StoreError> {
    Ok(select!(
        "WHERE connection_id = $1 ORDER BY full_name LIMIT $2",
        connection.0,
        limit
    )
    .fetch_all(db)
    .await?)
}

/// How many there are, counted up to 10,001.
///
/// # Errors
/// As every statement.
pub async fn count(
    db: impl PgExecutor<'_>,
    connection: Option<ConnectionId>,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM connected_repositories
         WHERE ($1::uuid IS NULL OR connection_id = $1) LIMIT 10001) bounded"#,
        connection.map(|c| c.0)
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Changes flags and branch; `None` leaves, `Some(None)` clears the branch.
///
/// # Errors
/// As every statement.
pub async fn update(
    db: impl PgExecutor<'_>,
    id: ConnectedRepositoryId,
    sast_enabled: Option<bool>,
    sca_enabled: Option<bool>,
    default_branch: Option<Option<&str>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connected_repositories SET sast_enabled = COALESCE($2, sast_enabled), \
            sca_enabled = COALESCE($3, sca_enabled), \
            default_branch = CASE WHEN $4 THEN $5 ELSE default_branch END, updated_at = $6 \
         WHERE id = $1",
        id.0,
        sast_enabled,
        sca_enabled,
        default_branch.is_some(),
        default_branch.flatten(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Disconnects a repository; whether it was there.
///
/// # Errors
/// As every statement.
pub async fn delete(
    db: impl PgExecutor<'_>,
    id: ConnectedRepositoryId,
) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM connected_repositories WHERE id = $1", id.0)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
