//! What a renewal changes of a connection's face.

use sqlx::PgExecutor;

use crate::domain::connection::Connection;
use crate::store::error::StoreError;

/// Records the outcome of a renewal: dates, status and health.
///
/// # Errors
/// As every statement.
pub async fn record_renewal(
    db: impl PgExecutor<'_>,
    connection: &Connection,
) -> Result<(), StoreError> {
    let c = connection;
    sqlx::query!(
        "UPDATE connections SET status = $2, health_code = $3, health_since = $4, \
            health_action_url = $5, validation_error = $6, token_expires_at = $7, \
            refresh_token_expires_at = $8, last_refreshed_at = $9, scopes = $10 \
         WHERE id = $1",
        c.id.0,
        c.status.as_str(),
        c.health_code.as_str(),
        c.health_since,
        c.health_action_url,
        c.validation_error,
        c.token_expires_at,
        c.refresh_token_expires_at,
        c.last_refreshed_at,
        c.scopes.as_deref(),
    )
    .execute(db)
    .await?;
    Ok(())
}
