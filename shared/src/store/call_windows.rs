//! `call_windows`: when a caller last did what has a limit of its own, for all processes.
//!
//! A row holds the times of the calls that still count, so the window slides: after a refusal the
//! next call is let in when the oldest of them is over, not at the end of some quarter of an hour.
//! Two calls at once: the upsert locks the row, so the second one counts the first. There is one
//! row per caller and purpose, overwritten for ever; nothing has to be swept.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::OrganizationId;

/// Counts a call of a caller among those since `since`, unless there are `limit` of them already;
/// whether it was counted. The transaction must be the platform's.
///
/// # Errors
/// As every statement.
pub async fn count(
    db: impl PgExecutor<'_>,
    purpose: &str,
    caller: Uuid,
    (now, since): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<bool, StoreError> {
    let counted = sqlx::query_scalar!(
        r#"INSERT INTO call_windows AS w (organization_id, purpose, caller_id, calls)
        VALUES ($1, $2, $3, ARRAY[$4::timestamptz])
        ON CONFLICT (organization_id, purpose, caller_id) DO UPDATE
            SET calls = ARRAY(SELECT at FROM unnest(w.calls) at WHERE at > $5) || $4::timestamptz
            WHERE (SELECT count(*) FROM unnest(w.calls) at WHERE at > $5) < $6
        RETURNING true AS "counted!""#,
        OrganizationId::PLATFORM.0,
        purpose,
        caller,
        now,
        since,
        limit,
    )
    .fetch_optional(db)
    .await?;
    Ok(counted.is_some())
}

/// The oldest call of a caller that counts since `since`.
///
/// # Errors
/// As every statement.
pub async fn oldest(
    db: impl PgExecutor<'_>,
    purpose: &str,
    caller: Uuid,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let oldest = sqlx::query_scalar!(
        "SELECT min(at) FROM call_windows w CROSS JOIN LATERAL unnest(w.calls) at \
         WHERE w.purpose = $1 AND w.caller_id = $2 AND at > $3",
        purpose,
        caller,
        since,
    )
    .fetch_one(db)
    .await?;
    Ok(oldest)
}
