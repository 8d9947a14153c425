//! Writing down what the provider answered.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::take::interval;
use crate::domain::ids::ConnectionId;
use crate::domain::refresh::RefreshOutcome;
use crate::store::error::StoreError;

/// A new pair, sealed.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that was presented.
    pub version: i64,
    /// The attempt.
    pub attempt: Uuid,
    /// The sealed access token.
    pub access_token: Vec<u8>,
    /// The sealed refresh token: the new one, or the old one sealed anew where it goes on to be good.
    pub refresh_token: Vec<u8>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When to renew next.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// The present moment.
    pub now: DateTime<Utc>,
}

/// Stores a new pair where the version that was presented still stands; else the answer belongs to
/// a grant that is gone. Guarded by the version and not by the fence: a success is the only live
/// pair there is, and wins over whoever took the renewal over meanwhile.
///
/// # Errors
/// As every statement. `None`: discarded.
pub async fn renew(db: impl PgExecutor<'_>, new: &Renewed) -> Result<Option<i64>, StoreError> {
    let version = sqlx::query_scalar!(
        r#"WITH stored AS (
            UPDATE credentials
            SET access_token = $4, refresh_token = $5, expires_at = $6, refresh_expires_at = $7,
                next_refresh_at = $8, version = version + 1, fence = fence + 1, lease_until = NULL,
                attempt_id = NULL, attempt_started_at = NULL, unknown_outcomes = 0,
                refresh_failures = 0, obtained_at = $9, updated_at = $9
            WHERE connection_id = $1 AND version = $2
            RETURNING version
        ), noted AS (
            UPDATE token_refreshes
            SET outcome = CASE WHEN EXISTS (SELECT FROM stored) THEN 'refreshed' ELSE 'discarded' END,
                ended_at = clock_timestamp(), detail = NULL
            WHERE connection_id = $1 AND id = $3
        )
        SELECT version FROM stored"#,
        new.connection.0,
        new.version,
        new.attempt,
        new.access_token,
        new.refresh_token,
        new.expires_at,
        new.refresh_expires_at,
        new.next_refresh_at,
        new.now,
    )
    .fetch_optional(db)
    .await?;
    Ok(version)
}

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

/// Writes down an answer that brought no pair, where the attempt's fence still stands; says whether
/// it does. The attempt's own row is written in any case: what came is told truthfully.
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
                refresh_failures = LEAST(refresh_failures + 1, 1000)
            WHERE connection_id = $1 AND version = $2 AND fence = $3
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
