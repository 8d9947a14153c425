//! Queries across tenants, each with a limit, as `mooring_system`: what is due, not what it says.

use chrono::{DateTime, Utc};

use super::connect::SystemExecutor;
use super::error::StoreError;
use crate::domain::ids::{ActivityId, JobId, OrganizationId, SyncRunId};

/// Organizations behind `after` with entries that are not sealed yet, at most `limit`: a loose scan, one step of
/// the index per organization, however many entries each has.
///
/// # Errors
/// As every statement.
pub async fn organizations_to_seal(
    db: &SystemExecutor,
    after: OrganizationId,
    limit: i32,
) -> Result<Vec<OrganizationId>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"WITH RECURSIVE due(organization_id, n) AS (
            (SELECT organization_id, 1 FROM activity WHERE sequence IS NULL
             AND organization_id > $2 ORDER BY organization_id LIMIT 1)
            UNION ALL
            SELECT (SELECT a.organization_id FROM activity a
                    WHERE a.sequence IS NULL AND a.organization_id > d.organization_id
                    ORDER BY a.organization_id LIMIT 1), d.n + 1
            FROM due d WHERE d.organization_id IS NOT NULL AND d.n < $1
        )
        SELECT organization_id AS "organization_id!" FROM due WHERE organization_id IS NOT NULL"#,
        limit,
        after.0,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Forgets idempotency keys older than `before`, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_idempotency_keys(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys k USING \
            (SELECT organization_id, caller_id, key FROM idempotency_keys WHERE created_at < $1 \
             ORDER BY created_at LIMIT $2) old \
         WHERE k.organization_id = old.organization_id AND k.caller_id = old.caller_id \
            AND k.key = old.key",
        before,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}

/// Runs that say they are running although their job has ended or is gone, at most `limit`: the
/// job was cancelled while it waited, or died for the last time.
///
/// # Errors
/// As every statement.
pub async fn stranded_runs(
    db: &SystemExecutor,
    limit: i64,
) -> Result<Vec<(OrganizationId, SyncRunId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.organization_id, r.id FROM sync_runs r \
         WHERE r.status = 'running' AND NOT EXISTS \
            (SELECT FROM jobs j WHERE j.organization_id = r.organization_id AND j.id = r.job_id \
             AND j.status IN (0, 1)) \
         LIMIT $1",
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// A job as far as it takes to see that it moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stored code of its status.
    pub status: i16,
    /// Attempts begun.
    pub attempt: i16,
    /// How often it was claimed.
    pub fence: i32,
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// Units done.
    pub done: Option<i64>,
    /// Units in all.
    pub total: Option<i64>,
}

/// How each of these organizations' jobs stand: those that wait or run, and those made since the
/// given floor, at most `limit` of each. Three probes of indexes per organization, however many
/// jobs have ended or wait.
///
/// # Errors
/// As every statement.
pub async fn standings(
    db: &SystemExecutor,
    organizations: &[OrganizationId],
    floor: JobId,
    limit: i64,
) -> Result<Vec<(OrganizationId, JobId, Standing)>, StoreError> {
    let ids: Vec<uuid::Uuid> = organizations.iter().map(|id| id.0).collect();
    // Where the queue was empty when it was last analyzed, its index looks not worth the order that
    // it has, and a whole backlog would be read and sorted.
    let in_order = "BEGIN READ ONLY; SET LOCAL enable_seqscan = off; \
                    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";
    let mut tx = db.pool().begin_with(in_order).await?;
    let rows = sqlx::query!(
        r#"SELECT w.id AS "organization_id!", j.id AS "id!", j.status AS "status!",
            j.attempt AS "attempt!", j.fence AS "fence!", j.run_at AS "run_at!",
            j.progress_done, j.progress_total
         FROM unnest($1::uuid[]) AS w (id)
         CROSS JOIN LATERAL (
            (SELECT id, status, attempt, fence, run_at, progress_done, progress_total FROM jobs
             WHERE organization_id = w.id AND status = 0
             ORDER BY lane_connection, priority, long, run_at, id LIMIT $3)
            UNION ALL
            (SELECT id, status, attempt, fence, run_at, progress_done, progress_total FROM jobs
             WHERE organization_id = w.id AND status = 1 LIMIT $3)
            UNION ALL
            (SELECT id, status, attempt, fence, run_at, progress_done, progress_total FROM jobs
             WHERE organization_id = w.id AND id >= $2 AND status > 1 ORDER BY id DESC LIMIT $3)
         ) j"#,
        &ids,
        floor.0,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let standing = Standing {
                status: row.status,
                attempt: row.attempt,
                fence: row.fence,
                run_at: row.run_at,
                done: row.progress_done,
                total: row.progress_total,
            };
            (row.organization_id.into(), row.id.into(), standing)
        })
        .collect())
}

/// Entries of one event in these organizations since the floor, at most `limit` of each, newest
/// first: that there are some, not what they say.
///
/// # Errors
/// As every statement.
pub async fn entries_of_event(
    db: &SystemExecutor,
    organizations: &[OrganizationId],
    event: &str,
    floor: ActivityId,
    limit: i64,
) -> Result<Vec<(OrganizationId, ActivityId)>, StoreError> {
    let ids: Vec<uuid::Uuid> = organizations.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT w.id AS "organization_id!", a.id AS "id!" FROM unnest($1::uuid[]) AS w (id)
         CROSS JOIN LATERAL (SELECT id FROM activity WHERE organization_id = w.id
            AND id >= $2 AND event = $3 ORDER BY id DESC LIMIT $4) a"#,
        &ids,
        floor.0,
        event,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}
