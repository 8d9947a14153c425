//! `token_refreshes` and the columns of `credentials` that the refresh protocol moves, as far as one
//! tenant's transaction goes: answers that brought no pair, and keeping what is under way. Taking and
//! storing go for many tenants at once, in [`super::sweeps::renewals`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::ids::ConnectionId;
use crate::domain::refresh::RefreshOutcome;
use crate::store::error::StoreError;
use crate::store::sweeps::renewals::interval;

/// An answer that brought no pair.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that was presented.
    pub version: i64,
    /// The fence of the attempt.
    pub fence: i64,
    /// The attempt.
    pub attempt: Uuid,
    /// What became of it.
    pub outcome: RefreshOutcome,
    /// The provider's own code.
    pub code: Option<String>,
    /// For operators.
    pub detail: String,
    /// When to try again; `None` never, until somebody connects again.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// The lease is kept for so long: the host may still be committing.
    pub quarantine: Option<Duration>,
}

/// Writes down an answer that brought no pair, where the attempt's fence still stands and it was not
/// written down before (the answer to that may have been lost); says whether so. The attempt's own
/// row is written in any case: what came is told truthfully.
///
/// # Errors
/// As every statement.
pub async fn fail(db: impl PgExecutor<'_>, failed: &Failed) -> Result<bool, StoreError> {
    let stands = sqlx::query_scalar!(
        r#"WITH stored AS (
            UPDATE credentials
            SET lease_until = clock_timestamp() + $8::interval,
                attempt_id = NULL, attempt_started_at = NULL, next_refresh_at = $7,
                unknown_outcomes = unknown_outcomes + CASE WHEN $5 = 'unknown' THEN 1 ELSE 0 END,
                refresh_refused = $5 IN ('refused', 'revoked', 'interaction_required'),
                refresh_failures = LEAST(refresh_failures + 1, 1000)
            WHERE connection_id = $1 AND version = $2 AND fence = $3 AND attempt_id = $4
            RETURNING connection_id
        ), noted AS (
            UPDATE token_refreshes
            SET outcome = $5, ended_at = clock_timestamp(), code = $6, detail = $9
            WHERE connection_id = $1 AND id = $4
        )
        SELECT EXISTS (SELECT FROM stored) AS "stands!""#,
        failed.connection.0,
        failed.version,
        failed.fence,
        failed.attempt,
        failed.outcome.as_str(),
        failed.code,
        failed.next_refresh_at,
        failed.quarantine.map(interval),
        failed.detail,
    )
    .fetch_one(db)
    .await?;
    Ok(stands)
}

/// Renews the lease of an attempt under way; false where it is no longer ours.
///
/// # Errors
/// As every statement.
pub async fn hold_on(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    fence: i64,
    lease: Duration,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credentials SET lease_until = clock_timestamp() + $3::interval \
         WHERE connection_id = $1 AND fence = $2",
        connection.0,
        fence,
        interval(lease),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves the next look, where the version still stands and nobody is at it; says whether it does.
///
/// # Errors
/// As every statement.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    version: i64,
    next_refresh_at: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credentials SET next_refresh_at = $3 \
         WHERE connection_id = $1 AND version = $2 AND attempt_id IS NULL",
        connection.0,
        version,
        next_refresh_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
