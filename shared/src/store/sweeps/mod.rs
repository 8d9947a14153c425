//! Queries across tenants, each with a limit, as `mooring_system`: what is due, not what it says.

mod absences;
mod app_sources;
mod budgets;
pub mod chains;
mod deliveries;
mod feed;
mod forget;
mod hook_looks;
pub mod renewals;
mod rotations;
mod trials;
mod turns;
mod warnings;

use chrono::{DateTime, TimeDelta, Utc};

use super::connect::SystemExecutor;
use super::error::StoreError;
use crate::domain::ids::{ConnectionId, JobId, OrganizationId, SyncRunId};

pub use absences::{Absence, mark_absence, note_absence, note_presence, open_absence, presence};
pub use app_sources::{connections_of_app, delivering_apps};
pub use budgets::{Budget, SharedBudget, forget_budgets, share_budgets};
pub use deliveries::{DeliveryOwner, delete_deliveries, delivery_owners};
pub use feed::{Standing, entries_of_event, standings};
pub use forget::{forget_oauth_states, forget_removals};
pub use hook_looks::{mark_refused, standing_looks, take_checks};
pub use rotations::{DueRotation, due_rotations};
pub use trials::{
    Allowance, Trial, TrialVerdict, fail_trial, pass_trial, release_trial, take_trial,
    too_many_pasted,
};
pub use turns::{Turn, TurnKind, Turns, forget_outbox_events, take_turns};
pub use warnings::{DueSecretWarning, DueWarning, due_secret_warnings, due_warnings};

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

/// A stretch of runs of the repository sync that say they are running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsLookedAt {
    /// The connection of the last one; `None` where there was nothing more to look at.
    pub last: Option<ConnectionId>,
    /// Those whose job has ended or is gone: it was cancelled while it waited, or died for the last
    /// time.
    pub stranded: Vec<(OrganizationId, SyncRunId)>,
}

/// Looks at the next `limit` runs that say they are running, behind those of the connection `after`
/// (a connection has one at most), for those whose job neither waits nor runs.
///
/// # Errors
/// As every statement.
pub async fn stranded_runs(
    db: &SystemExecutor,
    after: ConnectionId,
    limit: i64,
) -> Result<RunsLookedAt, StoreError> {
    // Each job is probed by its key. An anti-join would be free to read the whole queue, which looks
    // empty to the planner where it was empty when it was last analyzed.
    let rows = sqlx::query!(
        r#"WITH page AS MATERIALIZED (
            SELECT organization_id, id, connection_id, job_id FROM sync_runs
            WHERE status = 'running' AND connection_id > $1 ORDER BY connection_id LIMIT $2
        )
        SELECT p.organization_id AS "organization_id!", p.id AS "id!",
            p.connection_id AS "connection_id!", standing.id IS NULL AS "stranded!"
        FROM page p LEFT JOIN LATERAL
            (SELECT j.id FROM jobs j WHERE j.organization_id = p.organization_id
                AND j.id = p.job_id AND j.status IN (0, 1) LIMIT 1) standing ON true
        ORDER BY p.connection_id"#,
        after.0,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(RunsLookedAt {
        last: rows.last().map(|row| row.connection_id.into()),
        stranded: rows
            .iter()
            .filter(|row| row.stranded)
            .map(|row| (row.organization_id.into(), row.id.into()))
            .collect(),
    })
}

/// An organization that has jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOwner {
    /// Whose jobs they are.
    pub organization: OrganizationId,
    /// The oldest of them.
    pub oldest: JobId,
    /// Whether there is no such organization any more.
    pub gone: bool,
}

/// Organizations behind `after` that have jobs, at most `limit`: a loose scan of the primary key,
/// two probes per organization, however many jobs each has.
///
/// # Errors
/// As every statement.
pub async fn job_owners(
    db: &SystemExecutor,
    after: OrganizationId,
    limit: i32,
) -> Result<Vec<JobOwner>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE owner(organization_id, id, n) AS (
            (SELECT organization_id, id, 1 FROM jobs WHERE organization_id > $2
             ORDER BY organization_id, id LIMIT 1)
            UNION ALL
            SELECT next.organization_id, next.id, o.n + 1
            FROM owner o CROSS JOIN LATERAL
                (SELECT j.organization_id, j.id FROM jobs j
                 WHERE j.organization_id > o.organization_id
                 ORDER BY j.organization_id, j.id LIMIT 1) next
            WHERE o.n < $1
        )
        SELECT o.organization_id AS "organization_id!", o.id AS "id!",
            NOT EXISTS (SELECT FROM organizations g WHERE g.id = o.organization_id) AS "gone!"
        FROM owner o"#,
        limit,
        after.0,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| JobOwner {
            organization: row.organization_id.into(),
            oldest: row.id.into(),
            gone: row.gone,
        })
        .collect())
}

/// Which jobs of an organization are old.
#[derive(Clone, Copy, Debug)]
pub struct Old {
    /// Succeeded or cancelled before this.
    pub ended: DateTime<Utc>,
    /// Failed before this.
    pub failed: DateTime<Utc>,
}

/// A stretch of an organization's jobs that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretched {
    /// Its last job; `None` where there was nothing more to look at.
    pub last: Option<JobId>,
    /// How many were deleted.
    pub deleted: u64,
}

/// Deletes the old ones among the next `limit` jobs of an organization behind `after`. A job was
/// made before it ended, and its id begins with when it was made: so no id made after both dates is
/// looked at, which keeps this off every job that is still in motion. (Where a clock was set back, an
/// id is later than its making, and its job goes that much later.) Rows that somebody holds are passed
/// by.
///
/// # Errors
/// As every statement.
pub async fn delete_old_jobs(
    db: &SystemExecutor,
    organization: OrganizationId,
    after: JobId,
    old: Old,
    limit: i64,
) -> Result<Stretched, StoreError> {
    let row = sqlx::query!(
        r#"WITH stretch AS MATERIALIZED (
            SELECT id FROM (
                SELECT id FROM jobs WHERE organization_id = $1 AND id > $2 AND id < $3
                ORDER BY id LIMIT $6) page
            ORDER BY id DESC LIMIT 1
        ), old AS MATERIALIZED (
            SELECT id FROM jobs
            WHERE organization_id = $1 AND id > $2 AND id <= (SELECT id FROM stretch)
                AND (status IN (2, 4) AND finished_at < $4 OR status = 3 AND finished_at < $5)
            ORDER BY id FOR UPDATE SKIP LOCKED
        ), deleted AS (
            DELETE FROM jobs WHERE organization_id = $1 AND id = ANY (ARRAY(SELECT id FROM old))
            RETURNING id
        )
        SELECT (SELECT id FROM stretch) AS last, (SELECT count(*) FROM deleted) AS "deleted!""#,
        organization.0,
        after.0,
        JobId::first_of(old.ended.max(old.failed)).0,
        old.ended,
        old.failed,
        limit,
    )
    .fetch_one(db.pool())
    .await?;
    Ok(Stretched {
        last: row.last.map(Into::into),
        deleted: row.deleted.unsigned_abs(),
    })
}

/// Deletes jobs of an organization that is gone, at most `limit`, whatever their age; not those that
/// run, whose end is asked for already. How many.
///
/// # Errors
/// As every statement.
pub async fn delete_orphaned_jobs(
    db: &SystemExecutor,
    organization: OrganizationId,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM jobs WHERE organization_id = $1 AND id = ANY (ARRAY( \
            SELECT id FROM jobs WHERE organization_id = $1 AND status <> 1 \
            ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)) \
            AND NOT EXISTS (SELECT FROM organizations WHERE id = $1)",
        organization.0,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}

/// Where a walk over connections that ask for work stands: since when, and which.
pub type Wanting = (DateTime<Utc>, ConnectionId);

/// A stretch of connections that ask for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its last connection; `None` where there was nothing more to look at.
    pub last: Option<Wanting>,
    /// Those without a job.
    pub stranded: Vec<(OrganizationId, ConnectionId)>,
}

/// Connections whose own state asks for work (`connections.wanted_since`) since before `since`, and
/// that have no job for it: none that waits or runs, and none that failed after `failed`. Looks at
/// the next `limit` behind `after`, oldest first.
///
/// # Errors
/// As every statement.
pub async fn stranded_connections(
    db: &SystemExecutor,
    after: Wanting,
    since: DateTime<Utc>,
    failed: DateTime<Utc>,
    limit: i64,
) -> Result<Wanted, StoreError> {
    // A job that failed lately was made at most a day earlier, or is looked at as if it were not
    // there; they are read once per organization, however many failed. What stands is probed by its
    // key, one by one: the planner might else read the whole queue, which looks empty to it.
    let rows = sqlx::query!(
        r#"WITH page AS MATERIALIZED (
            SELECT organization_id, id, wanted_since, CASE
                WHEN status = 'active' AND last_synced_at IS NULL THEN 'sync_connection'
                ELSE 'validate_connection' END AS kind
            FROM connections
            WHERE wanted_since IS NOT NULL AND (wanted_since, id) > ($1, $2) AND wanted_since < $3
            ORDER BY wanted_since, id LIMIT $6
        ), failed AS MATERIALIZED (
            SELECT DISTINCT j.connection_id, j.kind
            FROM (SELECT DISTINCT organization_id FROM page) o CROSS JOIN LATERAL
                (SELECT connection_id, kind, finished_at FROM jobs
                 WHERE organization_id = o.organization_id AND status = 3 AND id >= $5) j
            WHERE j.finished_at >= $4 AND j.connection_id IS NOT NULL
        )
        SELECT p.organization_id AS "organization_id!", p.id AS "id!",
            p.wanted_since AS "wanted_since!",
            standing.id IS NULL
                AND (p.id, p.kind) NOT IN (SELECT connection_id, kind FROM failed) AS "stranded!"
        FROM page p LEFT JOIN LATERAL
            (SELECT j.id FROM jobs j WHERE j.organization_id = p.organization_id
                AND j.kind = p.kind AND j.dedupe_key = p.id::text AND j.status IN (0, 1)
             LIMIT 1) standing ON true
        ORDER BY p.wanted_since, p.id"#,
        after.0,
        after.1.0,
        since,
        failed,
        JobId::first_of(failed - TimeDelta::days(1)).0,
        limit,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(Wanted {
        last: rows.last().map(|row| (row.wanted_since, row.id.into())),
        stranded: rows
            .iter()
            .filter(|row| row.stranded)
            .map(|row| (row.organization_id.into(), row.id.into()))
            .collect(),
    })
}

/// What waits and runs of one kind of job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// Jobs that wait, those that are not due yet included.
    pub queued: i64,
    /// Jobs that workers hold.
    pub running: i64,
    /// When the oldest of those that wait was due.
    pub oldest: Option<DateTime<Utc>>,
}

/// What waits and runs, by kind. Looks at `limit` jobs of each at most, so that a scrape costs the
/// same at any backlog; beyond that, what it tells is the least there is.
///
/// # Errors
/// As every statement.
pub async fn count_jobs(db: &SystemExecutor, limit: i64) -> Result<Vec<KindCount>, StoreError> {
    // Read from the partial indexes, whatever the planner believes of the table.
    let plan =
        "BEGIN READ ONLY; SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '5s'";
    let mut tx = db.pool().begin_with(plan).await?;
    let rows = sqlx::query_as!(
        KindCount,
        r#"SELECT kind AS "kind!", count(*) FILTER (WHERE waits) AS "queued!",
            count(*) FILTER (WHERE NOT waits) AS "running!", min(run_at) FILTER (WHERE waits) AS oldest
        FROM (
            (SELECT kind, run_at, true AS waits FROM jobs WHERE status = 0 LIMIT $1)
            UNION ALL
            (SELECT kind, run_at, false FROM jobs WHERE status = 1 LIMIT $1)) seen
        GROUP BY kind ORDER BY kind"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}
