//! `sync_runs`: runs of the repository sync. Their pages are in [`sync_pages`].

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use super::sync_pages::{self, PlannedPage, Reliable};
use crate::domain::ids::{ConnectionId, JobId, OrganizationId, SyncRunId};
use crate::domain::page::{PageRequest, Start};
use crate::domain::sync::{IncompleteReason, SyncRun, SyncStatus, SyncTrigger};

/// A run under way: what its pages need.
#[derive(Clone, Debug)]
pub struct RunningRun {
    /// The run.
    pub run: SyncRun,
    /// Every page that is known of, stored or not, by number.
    pub plan: Vec<PlannedPage>,
    /// Pages stored.
    pub pages: i32,
    /// Repositories that the provider announced.
    pub expected: Option<i32>,
    /// Items that could not be read so far.
    pub undecodable: i32,
}

macro_rules! run_of {
    ($row:ident) => {
        SyncRun {
            id: $row.id.into(),
            connection_id: $row.connection_id.into(),
            job_id: $row.job_id.map(JobId),
            trigger: $row.trigger,
            status: $row.status,
            found: $row.found,
            added: $row.added,
            updated: $row.updated,
            removed: $row.removed,
            complete: $row.complete,
            incomplete_reason: $row.incomplete_reason,
            requests: $row.requests,
            not_modified: $row.not_modified,
            error_code: $row.error_code,
            error_message: $row.error_message,
            started_at: $row.started_at,
            finished_at: $row.finished_at,
        }
    };
}

/// Who goes on with a run: the job, and which claim of that job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The job.
    pub job: JobId,
    /// Which claim of it ([`fence`](crate::queue)): grows with each takeover.
    pub fence: i32,
}

/// A run that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewRun {
    /// The tenant.
    pub organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
    /// Who does it.
    pub holder: Holder,
    /// The generation of the credential that lists.
    pub generation: i64,
    /// Why.
    pub trigger: SyncTrigger,
    /// Without conditional requests.
    pub full: bool,
    /// When.
    pub now: DateTime<Utc>,
}

/// A run that stands longer than this is not gone on with: what its first pages saw is too old to
/// say what is gone.
const TOO_OLD: TimeDelta = TimeDelta::hours(6);

/// Begins a run, or goes on with the one that stands: one per connection at a time. One that
/// listed with another credential, or that is too old, is ended and a new one begun.
///
/// # Errors
/// [`StoreError::Missing`] where the connection is gone.
pub async fn begin(db: &mut sqlx::PgConnection, new: &NewRun) -> Result<RunningRun, StoreError> {
    let stale = sqlx::query_scalar!(
        "UPDATE sync_runs SET status = 'failed', incomplete_reason = 'page_failed', \
            error_code = 'superseded', finished_at = $4, \
            error_message = 'The credential changed or the run stood too long; a new run lists from the start.' \
         WHERE connection_id = $1 AND status = 'running' \
            AND (credential_version <> $2 OR started_at < $3) RETURNING id",
        new.connection.0,
        new.generation,
        new.now - TOO_OLD,
        new.now,
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(stale) = stale {
        forget_pages(&mut *db, stale).await?;
    }
    let row = sqlx::query!(
        r#"INSERT INTO sync_runs (organization_id, id, connection_id, job_id, job_fence,
            credential_version, trigger, status, full_listing, started_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9)
         ON CONFLICT (connection_id) WHERE status = 'running' DO UPDATE SET job_id = $4, job_fence = $5
         RETURNING id, connection_id, job_id, trigger AS "trigger: SyncTrigger", status AS "status: SyncStatus",
            found, added, updated, removed, complete, incomplete_reason AS "incomplete_reason: IncompleteReason",
            requests, not_modified, error_code, error_message, started_at, finished_at, pages, expected, undecodable,
            full_listing"#,
        new.organization.0,
        SyncRunId::new(new.now).0,
        new.connection.0,
        new.holder.job.0,
        new.holder.fence,
        new.generation,
        new.trigger.as_str(),
        new.full,
        new.now,
    )
    .fetch_one(&mut *db)
    .await?;
    let by = Reliable {
        connection: new.connection,
        generation: new.generation,
        full: row.full_listing,
        now: new.now,
    };
    let plan = sync_pages::plan(&mut *db, new.organization, row.id.into(), by).await?;
    Ok(RunningRun {
        plan,
        pages: row.pages,
        expected: row.expected,
        undecodable: row.undecodable,
        run: run_of!(row),
    })
}

/// Locks a run for its end: whether it still runs, in this holder's hands, and, where it is to be
/// `whole`, no page is missing.
///
/// # Errors
/// As every statement.
pub async fn hold(
    db: &mut sqlx::PgConnection,
    run: SyncRunId,
    whole: bool,
    holder: Holder,
) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        "SELECT id FROM sync_runs WHERE id = $1 AND status = 'running' \
            AND job_id = $3 AND job_fence = $4 AND (NOT $2 OR pages > 0 AND NOT EXISTS \
               (SELECT FROM sync_pages p WHERE p.run_id = $1 AND p.repository_ids IS NULL)) \
         FOR NO KEY UPDATE",
        run.0,
        whole,
        holder.job.0,
        holder.fence,
    )
    .fetch_optional(&mut *db)
    .await?;
    Ok(held.is_some())
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its last status.
    pub status: SyncStatus,
    /// Whether every page was seen.
    pub complete: bool,
    /// Why not.
    pub reason: Option<IncompleteReason>,
    /// What was removed.
    pub removed: i32,
    /// Why it failed.
    pub error: Option<(String, String)>,
}

/// Ends a run; `None` where it had ended before.
///
/// # Errors
/// As every statement.
pub async fn finish(
    db: &mut sqlx::PgConnection,
    run: SyncRunId,
    ending: &Ending,
    now: DateTime<Utc>,
) -> Result<Option<SyncRun>, StoreError> {
    let row = sqlx::query!(
        r#"WITH ended AS (
            UPDATE sync_runs SET status = $2, complete = $3, incomplete_reason = $4, removed = $5,
                error_code = $6, error_message = $7, finished_at = $8
            WHERE id = $1 AND status = 'running' RETURNING *
         ), noted AS (
            UPDATE connections c SET last_synced_at = $8,
                last_complete_sync_at = CASE WHEN $3 THEN $8 ELSE c.last_complete_sync_at END
            WHERE c.id = (SELECT connection_id FROM ended) AND $2 = 'succeeded'
         )
         SELECT id, connection_id, job_id, trigger AS "trigger: SyncTrigger", status AS "status: SyncStatus",
            found, added, updated, removed, complete, incomplete_reason AS "incomplete_reason: IncompleteReason",
            requests, not_modified, error_code, error_message, started_at, finished_at FROM ended"#,
        run.0,
        ending.status.as_str(),
        ending.complete,
        ending.reason.map(IncompleteReason::as_str),
        ending.removed,
        ending.error.as_ref().map(|e| e.0.as_str()),
        ending.error.as_ref().map(|e| e.1.as_str()),
        now,
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    forget_pages(&mut *db, row.id).await?;
    Ok(Some(run_of!(row)))
}

/// Forgets the pages of a run that was just ended: in a statement of its own, which sees what a page that
/// ended before it has planned.
async fn forget_pages(db: &mut sqlx::PgConnection, run: Uuid) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM sync_pages WHERE run_id = $1", run)
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// The runs of a connection, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for
/// the order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    request: &PageRequest<SyncRunId>,
) -> Result<Vec<SyncRun>, StoreError> {
    let below = match request.start {
        Start::Offset(_) => Uuid::max(),
        Start::After(id) => id.0,
        Start::Before(id) => return list_before(db, connection, id, request.limit()).await,
    };
    let rows = sqlx::query!(
        r#"SELECT id, connection_id, job_id, trigger AS "trigger: SyncTrigger", status AS "status: SyncStatus",
            found, added, updated, removed, complete, incomplete_reason AS "incomplete_reason: IncompleteReason",
            requests, not_modified, error_code, error_message, started_at, finished_at
         FROM sync_runs WHERE connection_id = $1 AND id < $2 ORDER BY id DESC OFFSET $3 LIMIT $4"#,
        connection.0,
        below,
        request.offset(),
        request.limit(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| run_of!(row)).collect())
}

async fn list_before(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    id: SyncRunId,
    limit: i64,
) -> Result<Vec<SyncRun>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, connection_id, job_id, trigger AS "trigger: SyncTrigger", status AS "status: SyncStatus",
            found, added, updated, removed, complete, incomplete_reason AS "incomplete_reason: IncompleteReason",
            requests, not_modified, error_code, error_message, started_at, finished_at
         FROM sync_runs WHERE connection_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
        connection.0,
        id.0,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| run_of!(row)).collect())
}

/// How many runs a connection has, counted up to 10,001.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, connection: ConnectionId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM sync_runs WHERE connection_id = $1 LIMIT 10001) bounded"#,
        connection.0
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}
