//! `idempotency_keys`: first answers to changing calls.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::OrganizationId;

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or a call that died: the caller goes first and holds the key now.
    First,
    /// A call with another body.
    Mismatch,
    /// The first call is under way.
    UnderWay,
    /// The first answer.
    Answered(Answer),
}

/// A kept answer, secrets nulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers worth repeating, as pairs.
    pub headers: serde_json::Value,
    /// The body.
    pub body: Vec<u8>,
}

/// Takes a key or tells what stands under it. `locked_until` is how long a caller that dies keeps
/// it; keys older than 24 hours count as free.
///
/// # Errors
/// As every statement.
pub async fn take(
    db: &mut sqlx::PgConnection,
    organization: OrganizationId,
    caller: Uuid,
    key: &str,
    request_hash: &[u8; 32],
    now: DateTime<Utc>,
    locked_until: DateTime<Utc>,
) -> Result<Standing, StoreError> {
    let taken = sqlx::query!(
        "INSERT INTO idempotency_keys AS k (organization_id, caller_id, key, request_hash, \
            locked_until, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (organization_id, caller_id, key) DO UPDATE SET request_hash = $4, \
            locked_until = $5, created_at = $6, status = NULL, headers = NULL, body = NULL \
         WHERE k.created_at < $6 - interval '24 hours' \
            OR (k.status IS NULL AND k.locked_until < $6 AND k.request_hash = $4)",
        organization.0,
        caller,
        key,
        request_hash.as_slice(),
        locked_until,
        now,
    )
    .execute(&mut *db)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Standing::First);
    }
    let row = sqlx::query!(
        "SELECT request_hash, status, headers, body FROM idempotency_keys \
         WHERE caller_id = $1 AND key = $2",
        caller,
        key
    )
    .fetch_optional(&mut *db)
    .await?;
    // Given back between the two statements: the next try goes first.
    let Some(row) = row else {
        return Ok(Standing::UnderWay);
    };
    if row.request_hash != request_hash {
        return Ok(Standing::Mismatch);
    }
    Ok(match row.status {
        None => Standing::UnderWay,
        Some(status) => Standing::Answered(Answer {
            status: u16::try_from(status).unwrap_or(500),
            headers: row.headers.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
        }),
    })
}

/// Keeps the first answer.
///
/// # Errors
/// As every statement.
pub async fn answer(
    db: impl PgExecutor<'_>,
    caller: Uuid,
    key: &str,
    answer: &Answer,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 \
         WHERE caller_id = $1 AND key = $2",
        caller,
        key,
        i16::try_from(answer.status).unwrap_or(500),
        answer.headers,
        answer.body,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a key back: the call failed in a way that a repeat may mend.
///
/// # Errors
/// As every statement.
pub async fn release(db: impl PgExecutor<'_>, caller: Uuid, key: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM idempotency_keys WHERE caller_id = $1 AND key = $2 AND status IS NULL",
        caller,
        key
    )
    .execute(db)
    .await?;
    Ok(())
}
