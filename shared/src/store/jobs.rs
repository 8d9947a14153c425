//! `jobs` as its tenant sees them; run in a transaction of that tenant.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::actor::Actor;
use crate::domain::ids::{ConnectionId, JobId, OrganizationId};
use crate::domain::job::{Job, JobError, JobStatus, Progress};
use crate::domain::lane::Lane;
use crate::domain::page::{MAX_COUNT, Page, PageRequest, Start};

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) organization_id: Uuid,
    pub(super) kind: String,
    pub(super) status: i16,
    pub(super) attempt: i16,
    pub(super) max_attempts: i16,
    pub(super) progress_done: Option<i64>,
    pub(super) progress_total: Option<i64>,
    pub(super) progress_unit: Option<String>,
    pub(super) result: Option<Value>,
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    pub(super) run_at: DateTime<Utc>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) requested_by: Option<Json<Actor>>,
    pub(super) connection_id: Option<Uuid>,
    pub(super) repository_id: Option<Uuid>,
}

impl TryFrom<Row> for Job {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            organization_id: OrganizationId(row.organization_id).shown(),
            kind: row.kind,
            status: JobStatus::from_code(row.status)
                .ok_or_else(|| StoreError::Corrupt(format!("jobs.status = {}", row.status)))?,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            progress: row.progress_done.map(|done| Progress {
                done,
                total: row.progress_total,
                unit: row.progress_unit,
            }),
            result: row.result,
            error: row.error_code.map(|code| JobError {
                code,
                message: row.error_message.unwrap_or_default(),
            }),
            run_at: row.run_at,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            requested_by: row.requested_by.map(|actor| actor.0),
            connection_id: row.connection_id.map(Into::into),
            repository_id: row.repository_id.map(Into::into),
        })
    }
}

/// `SELECT` of every column of [`Row`] from `jobs`, followed by the given tail.
macro_rules! select {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, organization_id, kind, status, attempt, max_attempts, progress_done,
                progress_total, progress_unit, result, error_code, error_message, run_at,
                created_at, started_at, finished_at, requested_by AS "requested_by: _",
                connection_id, repository_id FROM jobs "#
                + $tail
            $(, $argument)*
        )
    };
}

pub(super) use select;

/// What a list shows; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// This kind.
    pub kind: Option<String>,
    /// Standing so.
    pub status: Option<JobStatus>,
    /// About this connection.
    pub connection_id: Option<ConnectionId>,
}

/// One job; `None` where the tenant has none of this id.
///
/// # Errors
/// As every statement ([`StoreError`]).
pub async fn get(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    id: JobId,
) -> Result<Option<Job>, StoreError> {
    select!(
        "WHERE organization_id = $1 AND id = $2",
        organization.0,
        id.0
    )
    .fetch_optional(db)
    .await?
    .map(Job::try_from)
    .transpose()
}

/// The job of this kind and key that waits or runs.
///
/// # Errors
/// As every statement.
pub async fn standing(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    kind: &str,
    dedupe_key: &str,
) -> Result<Option<Job>, StoreError> {
    select!(
        "WHERE organization_id = $1 AND kind = $2 AND dedupe_key = $3 AND status IN (0, 1)",
        organization.0,
        kind,
        dedupe_key
    )
    .fetch_optional(db)
    .await?
    .map(Job::try_from)
    .transpose()
}

/// A page of jobs, newest first. `total` is counted up to 10,000 and `None` beyond.
///
/// # Errors
/// As every statement.
pub async fn list(
    connection: &mut PgConnection,
    organization: OrganizationId,
    filter: &Filter,
    request: &PageRequest<JobId>,
) -> Result<Page<Job>, StoreError> {
    let status = filter.status.map(JobStatus::code);
    let about = filter.connection_id.map(|id| id.0);
    let kind = filter.kind.as_deref();
    let size = request.per_page as usize;
    let limit = i64::from(request.per_page) + 1;
    let mut rows = match request.start {
        Start::Before(id) => {
            select!(
                "WHERE organization_id = $1 AND id > $2 AND ($3::text IS NULL OR kind = $3)
                    AND ($4::smallint IS NULL OR status = $4)
                    AND ($5::uuid IS NULL OR connection_id = $5)
                 ORDER BY id LIMIT $6",
                organization.0,
                id.0,
                kind,
                status,
                about,
                limit
            )
            .fetch_all(&mut *connection)
            .await?
        }
        Start::After(_) | Start::Offset(_) => {
            let (below, offset) = match request.start {
                Start::Offset(offset) => (Uuid::max(), i64::try_from(offset).unwrap_or(i64::MAX)),
                Start::After(id) | Start::Before(id) => (id.0, 0),
            };
            select!(
                "WHERE organization_id = $1 AND id < $2 AND ($3::text IS NULL OR kind = $3)
                    AND ($4::smallint IS NULL OR status = $4)
                    AND ($5::uuid IS NULL OR connection_id = $5)
                 ORDER BY id DESC OFFSET $6 LIMIT $7",
                organization.0,
                below,
                kind,
                status,
                about,
                offset,
                limit
            )
            .fetch_all(&mut *connection)
            .await?
        }
    };
    let extra = rows.len() > size;
    rows.truncate(size);
    let (has_next, has_prev) = match request.start {
        Start::Before(_) => {
            rows.reverse();
            (true, extra)
        }
        Start::After(_) => (extra, true),
        Start::Offset(offset) => (extra, offset > 0),
    };
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (
            SELECT FROM jobs WHERE organization_id = $1 AND ($2::text IS NULL OR kind = $2)
                AND ($3::smallint IS NULL OR status = $3)
                AND ($4::uuid IS NULL OR connection_id = $4)
            LIMIT $5) bounded"#,
        organization.0,
        kind,
        status,
        about,
        MAX_COUNT + 1
    )
    .fetch_one(connection)
    .await?;
    Ok(Page {
        items: rows
            .into_iter()
            .map(Job::try_from)
            .collect::<Result<_, _>>()?,
        total: (total <= MAX_COUNT).then_some(total),
        has_next,
        has_prev,
    })
}

/// Asks for the end of a job. A queued one is cancelled at once; a running one is told by its
/// worker within a second; one that has ended stays as it is. Answers the job as it then is.
///
/// # Errors
/// As every statement.
pub async fn request_cancel(
    connection: &mut PgConnection,
    organization: OrganizationId,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<Option<Job>, StoreError> {
    sqlx::query!(
        "UPDATE jobs SET cancel_requested = true, \
             status = CASE WHEN status = 0 THEN 4 ELSE status END, \
             finished_at = CASE WHEN status = 0 THEN $3 ELSE finished_at END \
         WHERE organization_id = $1 AND id = $2 AND status IN (0, 1)",
        organization.0,
        id.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    get(connection, organization, id).await
}

/// Asks for the end of everything that waits or runs for connections: part of deleting them. Rows
/// are locked in the order of their ids, as acknowledgements lock them.
///
/// # Errors
/// As every statement.
pub async fn cancel_of_connections(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connections: &[ConnectionId],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let connections: Vec<_> = connections.iter().map(|id| id.0).collect();
    let done = sqlx::query!(
        "WITH found AS ( \
            SELECT id FROM jobs WHERE organization_id = $1 AND status IN (0, 1) AND id IN ( \
                SELECT id FROM jobs WHERE organization_id = $1 AND status = 0 \
                   AND lane_connection = ANY($2) \
                UNION ALL \
                SELECT id FROM jobs WHERE organization_id = $1 AND status = 1 \
                   AND connection_limit IS NOT NULL AND connection_id = ANY($2)) \
            ORDER BY id FOR UPDATE) \
         UPDATE jobs j SET cancel_requested = true, \
             status = CASE WHEN j.status = 0 THEN 4 ELSE j.status END, \
             finished_at = CASE WHEN j.status = 0 THEN $3 ELSE j.finished_at END \
         FROM found WHERE j.organization_id = $1 AND j.id = found.id AND j.status IN (0, 1)",
        organization.0,
        &connections,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Removes the jobs of an organization that ends, and asks for the end of those that run.
///
/// # Errors
/// As every statement.
pub async fn end_of_organization(
    db: &mut PgConnection,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM jobs WHERE organization_id = $1 AND status <> 1",
        organization.0
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE jobs SET cancel_requested = true WHERE organization_id = $1 AND status = 1",
        organization.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What came of asking for another run.
#[derive(Clone, Debug)]
pub enum Retried {
    /// It is queued again, from its first attempt; ring the bell for the lane after the commit.
    Queued(Box<Job>, Lane),
    /// It has not ended, or ended well: there is nothing to retry.
    NotFailed(Box<Job>),
    /// A job with the same key waits or runs: that one does the work.
    Standing(Box<Job>),
}

/// Queues a failed or cancelled job again. `None` where the tenant has none of this id.
///
/// # Errors
/// As every statement; [`StoreError::Conflict`] where a job with the same key was enqueued in the
/// same moment.
pub async fn retry(
    connection: &mut PgConnection,
    organization: OrganizationId,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<Option<Retried>, StoreError> {
    let Some(found) = sqlx::query!(
        "SELECT kind, dedupe_key, connection_id, priority, long, status FROM jobs \
         WHERE organization_id = $1 AND id = $2 FOR UPDATE",
        organization.0,
        id.0
    )
    .fetch_optional(&mut *connection)
    .await?
    else {
        return Ok(None);
    };
    let ended_badly = [JobStatus::Failed.code(), JobStatus::Cancelled.code()];
    if !ended_badly.contains(&found.status) {
        let job = get(connection, organization, id).await?;
        return Ok(job.map(|job| Retried::NotFailed(Box::new(job))));
    }
    if let Some(key) = &found.dedupe_key
        && let Some(job) = standing(&mut *connection, organization, &found.kind, key).await?
    {
        return Ok(Some(Retried::Standing(Box::new(job))));
    }
    sqlx::query!(
        "UPDATE jobs SET status = 0, attempt = 0, run_at = $3, rerun = false, \
             cancel_requested = false, started_at = NULL, finished_at = NULL, error_code = NULL, \
             error_message = NULL, result = NULL, progress_done = NULL, progress_total = NULL, \
             progress_unit = NULL \
         WHERE organization_id = $1 AND id = $2",
        organization.0,
        id.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    let lane = Lane {
        organization,
        connection: found.connection_id.unwrap_or_else(Uuid::nil),
        priority: found.priority,
        long: found.long,
    };
    let job = get(connection, organization, id).await?;
    Ok(job.map(|job| Retried::Queued(Box::new(job), lane)))
}

/// Deletes every job of the tenant: part of deleting the organization. Running ones find their
/// rows gone when they acknowledge, which changes nothing.
///
/// # Errors
/// As every statement.
pub async fn delete_all(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM jobs WHERE organization_id = $1",
        organization.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
