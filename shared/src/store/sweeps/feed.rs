//! What moved, for the streams of events: read across tenants, for the organizations that are being
//! listened to.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ActivityId, JobId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

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
/// given floor, at most `limit` of each. Two probes of indexes per organization, however many jobs
/// have ended or wait, and one reading of what runs for all of them together: its index has an entry
/// for every job that ran since the last vacuum, which nobody should pass by once per organization
/// (100,000 of them, 200 organizations, an old snapshot held: 1,221 ms so, 7 ms together).
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
    // `IS TRUE` keeps what runs from being looked for among all jobs of these organizations. No limit
    // there: no more runs than workers have slots.
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
             WHERE organization_id = w.id AND id >= $2 AND status > 1 ORDER BY id DESC LIMIT $3)
         ) j
         UNION ALL
         SELECT organization_id, id, status, attempt, fence, run_at, progress_done, progress_total
         FROM jobs WHERE status = 1 AND (organization_id = ANY ($1)) IS TRUE"#,
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
