//! `repository_hooks`: hooks that are kept installed at the provider.
//!
//! A row names the secret that its hook was last given, or that it failed to take. So what is left to do is
//! a question to the table, whoever has done the rest: rows that are missing, that have another address or
//! another secret, or that somebody doubts. What has failed is asked for apart from those.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, OrganizationId, WebhookSecretId};
use crate::domain::webhook::RepositoryHook;

/// The hooks of a connection, by name, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    limit: i64,
) -> Result<Vec<RepositoryHook>, StoreError> {
    let rows = sqlx::query_as!(
        RepositoryHook,
        "SELECT provider_repository_id, full_name, url, hook_id, error_code, error_message, \
            checked_at FROM repository_hooks WHERE connection_id = $1 \
         ORDER BY full_name, provider_repository_id LIMIT $2",
        connection.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Which of those that are not as they should be: what was not tried yet, or what has failed before.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// What has failed before.
    pub again: bool,
    /// Of that, no more than failed before then: what has just failed is not tried twice.
    pub begun: DateTime<Utc>,
    /// What was refused, and did not fail for want of an answer, no more than before then.
    pub rested: DateTime<Utc>,
}

/// A connected repository that is to have a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// The provider's immutable id of the repository.
    pub provider_repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
}

/// Connected repositories whose hook is not known to deliver to this address with this secret, behind
/// `after`, at most `limit`, by the repository's id.
///
/// # Errors
/// As every statement.
pub async fn unsettled(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    (url, secret): (&str, WebhookSecretId),
    turn: Turn,
    (after, limit): (&str, i64),
) -> Result<Vec<Unsettled>, StoreError> {
    let rows = sqlx::query_as!(
        Unsettled,
        r#"SELECT c.provider_repository_id AS "provider_repository_id!", c.full_name AS "full_name!"
         FROM connected_repositories c
         LEFT JOIN repository_hooks h ON h.connection_id = c.connection_id
            AND h.provider_repository_id = c.provider_repository_id AND h.url = $2 AND h.secret_id = $3
         WHERE c.connection_id = $1 AND c.provider_repository_id > $7
            AND CASE WHEN h.hook_id IS NULL AND h.error_code IS NULL THEN NOT $4::bool
                ELSE $4 AND h.error_code IS NOT NULL AND h.checked_at < $5
                    AND (h.error_code = 'provider_unavailable' OR h.checked_at < $6) END
         ORDER BY c.provider_repository_id LIMIT $8"#,
        connection.0,
        url,
        secret.0,
        turn.again,
        turn.begun,
        turn.rested,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Hooks that stand where no repository is connected any more, or, where none is wanted at all, every one,
/// behind `after`, at most `limit`, by the repository's id. They are doubted from now on: where one of them
/// is wanted again, it is put again, whatever becomes of taking it away.
///
/// # Errors
/// As every statement.
pub async fn surplus(
    db: &mut PgConnection,
    connection: ConnectionId,
    all: bool,
    turn: Turn,
    (after, limit): (&str, i64),
) -> Result<Vec<RepositoryHook>, StoreError> {
    // One that failed and is not doubted was last asked for to be put, and not to go.
    let rows = sqlx::query_as!(
        RepositoryHook,
        "SELECT h.provider_repository_id, h.full_name, h.url, h.hook_id, h.error_code, \
            h.error_message, h.checked_at FROM repository_hooks h \
         WHERE h.connection_id = $1 AND h.provider_repository_id > $6 \
            AND ($2::bool OR NOT EXISTS (SELECT FROM connected_repositories c \
                WHERE c.connection_id = $1 AND c.provider_repository_id = h.provider_repository_id)) \
            AND CASE WHEN h.error_code IS NULL OR h.secret_id IS NOT NULL THEN NOT $3::bool \
                ELSE $3 AND h.checked_at < $4 \
                    AND (h.error_code = 'provider_unavailable' OR h.checked_at < $5) END \
         ORDER BY h.provider_repository_id LIMIT $7",
        connection.0,
        all,
        turn.again,
        turn.begun,
        turn.rested,
        after,
        limit,
    )
    .fetch_all(&mut *db)
    .await?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.provider_repository_id.clone())
        .collect();
    // What was said of putting them is over.
    sqlx::query!(
        "UPDATE repository_hooks SET secret_id = NULL, error_code = NULL, error_message = NULL \
         WHERE connection_id = $1 AND provider_repository_id = ANY($2) AND secret_id IS NOT NULL",
        connection.0,
        &ids,
    )
    .execute(db)
    .await?;
    Ok(rows)
}

/// Writes down how a hook stands that was given this secret, or failed to take it.
///
/// # Errors
/// As every statement; [`StoreError::Missing`] where the connection is gone.
pub async fn put(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connection: ConnectionId,
    hook: &RepositoryHook,
    secret: WebhookSecretId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO repository_hooks AS h (organization_id, connection_id, \
            provider_repository_id, full_name, url, hook_id, error_code, error_message, checked_at, \
            secret_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (organization_id, connection_id, provider_repository_id) DO UPDATE SET \
            full_name = $4, url = $5, hook_id = COALESCE($6, h.hook_id), error_code = $7, \
            error_message = $8, checked_at = $9, secret_id = $10",
        organization.0,
        connection.0,
        hook.provider_repository_id,
        hook.full_name,
        hook.url,
        hook.hook_id,
        hook.error_code,
        hook.error_message,
        hook.checked_at,
        secret.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes down why a hook could not be taken away.
///
/// # Errors
/// As every statement.
pub async fn keep(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
    (code, message): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE repository_hooks SET error_code = $3, error_message = $4, checked_at = $5 \
         WHERE connection_id = $1 AND provider_repository_id = $2",
        connection.0,
        provider_repository_id,
        code,
        message,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Has a hook put right again, by the provider's id of it, or every hook of the connection: somebody says
/// that it is not what it was. The caller enqueues the job that registers, in the same transaction.
///
/// # Errors
/// As every statement.
pub async fn doubt(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    hook_id: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE repository_hooks SET secret_id = NULL \
         WHERE connection_id = $1 AND ($2::text IS NULL OR hook_id = $2) AND secret_id IS NOT NULL",
        connection.0,
        hook_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what was refused to a connection's former credential: it is tried at once.
///
/// # Errors
/// As every statement.
pub async fn forget_refusals(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE repository_hooks SET error_code = NULL, error_message = NULL, secret_id = NULL \
         WHERE connection_id = $1 AND error_code IS NOT NULL",
        connection.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a hook that was taken away.
///
/// # Errors
/// As every statement.
pub async fn delete(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM repository_hooks WHERE connection_id = $1 AND provider_repository_id = $2",
        connection.0,
        provider_repository_id
    )
    .execute(db)
    .await?;
    Ok(())
}
