//! `repository_hooks`: hooks that are kept installed at the provider.

use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, OrganizationId};
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

/// Writes down how a hook stands.
///
/// # Errors
/// As every statement; [`StoreError::Missing`] where the connection is gone.
pub async fn put(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connection: ConnectionId,
    hook: &RepositoryHook,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO repository_hooks AS h (organization_id, connection_id, \
            provider_repository_id, full_name, url, hook_id, error_code, error_message, checked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (organization_id, connection_id, provider_repository_id) DO UPDATE SET \
            full_name = $4, url = $5, hook_id = COALESCE($6, h.hook_id), error_code = $7, \
            error_message = $8, checked_at = $9",
        organization.0,
        connection.0,
        hook.provider_repository_id,
        hook.full_name,
        hook.url,
        hook.hook_id,
        hook.error_code,
        hook.error_message,
        hook.checked_at,
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
