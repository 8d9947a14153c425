//! What is forgotten after its time.

use chrono::{DateTime, Utc};

use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// Forgets consents that ended before `before`, used or not, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_oauth_states(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM oauth_states s USING \
            (SELECT id FROM oauth_states WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) old \
         WHERE s.id = old.id",
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}

/// Forgets what connections that are gone have left behind at `before` or earlier, with their
/// credentials, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_removals(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM hook_removals r USING \
            (SELECT id FROM hook_removals WHERE created_at <= $1 ORDER BY created_at, id LIMIT $2) old \
         WHERE r.id = old.id",
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}
