//! `rate_budgets`: windows of requests as headers told them, for all processes.

use chrono::{DateTime, Utc};

use crate::domain::quota::RateLimit;
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// What one process knows of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Whose window.
    pub key: String,
    /// What headers said.
    pub rate: RateLimit,
    /// Not before then.
    pub parked_until: Option<DateTime<Utc>>,
    /// Requests that this process has in flight.
    pub in_flight: u32,
}

/// What all know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBudget {
    /// The window.
    pub budget: Budget,
    /// Processes that use it at present.
    pub holders: u32,
    /// Requests that the others have in flight, as they last said.
    pub others: u32,
}

/// Adds what this process knows, and answers what all know. Of one window (that turns over within the
/// same seconds) the least remains; of two, the later counts. A key at most once in a batch.
///
/// # Errors
/// As every statement.
pub async fn share_budgets(
    db: &SystemExecutor,
    mine: &[Budget],
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Vec<SharedBudget>, StoreError> {
    // Rows are locked in the order of their keys, as every other process does.
    let mut mine: Vec<&Budget> = mine.iter().collect();
    mine.sort_by(|one, other| one.key.cmp(&other.key));
    let keys: Vec<String> = mine.iter().map(|budget| budget.key.clone()).collect();
    let most: Vec<Option<i32>> = mine.iter().map(|budget| budget.rate.limit).collect();
    let remaining: Vec<Option<i32>> = mine.iter().map(|budget| budget.rate.remaining).collect();
    let resets: Vec<Option<DateTime<Utc>>> =
        mine.iter().map(|budget| budget.rate.reset_at).collect();
    let parked: Vec<Option<DateTime<Utc>>> =
        mine.iter().map(|budget| budget.parked_until).collect();
    let in_flight: Vec<i64> = mine
        .iter()
        .map(|budget| i64::from(budget.in_flight))
        .collect();
    let rows = sqlx::query!(
        r#"INSERT INTO rate_budgets AS b (key, most, remaining, reset_at, parked_until, holders, updated_at)
        SELECT u.key, u.most, u.remaining, u.reset_at, u.parked_until,
            jsonb_build_object($6::text, jsonb_build_object('at', $7::timestamptz, 'n', u.in_flight)), $7
        FROM unnest($1::text[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], $8::bigint[])
            AS u(key, most, remaining, reset_at, parked_until, in_flight)
        ON CONFLICT (key) DO UPDATE SET
            most = CASE WHEN EXCLUDED.reset_at < b.reset_at - interval '5 s' THEN b.most ELSE COALESCE(EXCLUDED.most, b.most) END,
            remaining = CASE
                WHEN EXCLUDED.reset_at IS NULL OR b.reset_at IS NULL THEN COALESCE(EXCLUDED.remaining, b.remaining)
                WHEN EXCLUDED.reset_at > b.reset_at + interval '5 s' THEN EXCLUDED.remaining
                WHEN EXCLUDED.reset_at < b.reset_at - interval '5 s' THEN b.remaining
                ELSE LEAST(EXCLUDED.remaining, b.remaining) END,
            reset_at = CASE
                WHEN EXCLUDED.reset_at > b.reset_at + interval '5 s' THEN EXCLUDED.reset_at
                ELSE COALESCE(b.reset_at, EXCLUDED.reset_at) END,
            parked_until = GREATEST(EXCLUDED.parked_until, b.parked_until),
            holders = (SELECT COALESCE(jsonb_object_agg(h.key, h.value), '{}') || EXCLUDED.holders
                FROM jsonb_each(b.holders) h
                WHERE (h.value ->> 'at')::timestamptz > $7 - interval '5 s'),
            updated_at = $7
        RETURNING key, most, remaining, reset_at, parked_until,
            (SELECT count(*) FROM jsonb_each(b.holders)) AS "holders!",
            (SELECT COALESCE(sum((h.value ->> 'n')::bigint), 0)::bigint FROM jsonb_each(b.holders) h
             WHERE h.key <> $6) AS "others!""#,
        &keys,
        &most as &[Option<i32>],
        &remaining as &[Option<i32>],
        &resets as &[Option<DateTime<Utc>>],
        &parked as &[Option<DateTime<Utc>>],
        holder,
        now,
        &in_flight,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SharedBudget {
            budget: Budget {
                key: row.key,
                rate: RateLimit {
                    limit: row.most,
                    remaining: row.remaining,
                    reset_at: row.reset_at,
                },
                parked_until: row.parked_until,
                in_flight: 0,
            },
            holders: u32::try_from(row.holders).unwrap_or(1),
            others: u32::try_from(row.others).unwrap_or(u32::MAX),
        })
        .collect())
}

/// Forgets windows that nobody has used since `before`, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_budgets(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM rate_budgets WHERE key = ANY (ARRAY( \
            SELECT key FROM rate_budgets WHERE updated_at < $1 ORDER BY updated_at LIMIT $2))",
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}
