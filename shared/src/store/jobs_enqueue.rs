//! `jobs`: enqueueing, as either role.
//!
//! Keys are inserted in sorted order and standing rows are locked in order of their primary key, as
//! the acknowledger does, so that two batches cannot wait for each other in a circle.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::actor::Actor;
use crate::domain::ids::{ConnectionId, JobId, OrganizationId, RepositoryId};
use crate::domain::job::Priority;
use crate::domain::lane::Lane;

/// A job to be inserted; made through [`crate::queue::NewJob`].
#[derive(Clone, Debug)]
pub struct NewRow {
    pub(crate) id: JobId,
    pub(crate) organization: OrganizationId,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) repository: Option<RepositoryId>,
    pub(crate) kind: &'static str,
    pub(crate) priority: Priority,
    pub(crate) max_attempts: i16,
    pub(crate) connection_limit: Option<i16>,
    pub(crate) long: bool,
    pub(crate) rerun_on_repeat: bool,
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) dedupe_key: Option<String>,
    pub(crate) payload: String,
    pub(crate) requested_by: Option<Actor>,
}

impl NewRow {
    fn lane(&self) -> Lane {
        Lane::new(
            self.organization,
            self.connection.map(|id| id.0),
            self.priority,
            self.long,
        )
    }
}

/// What came of a request for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the standing one that has its key.
    pub job_id: JobId,
    /// Where it waits: what the [`crate::queue::Doorbell`] is rung with after the commit.
    pub lane: Lane,
    /// Whether it stood already.
    pub repeat: bool,
    /// Whether it runs already.
    pub running: bool,
}

/// Rounds of insert-else-mark before giving up: each further one needs the standing job to end
/// between two statements of ours.
const ROUNDS: usize = 8;

/// Enqueues jobs whose keys differ; answers in their order.
///
/// # Errors
/// As every statement ([`StoreError`]).
pub(crate) async fn enqueue(
    connection: &mut PgConnection,
    jobs: &[NewRow],
) -> Result<Vec<Enqueued>, StoreError> {
    let mut answers: Vec<Option<Enqueued>> = vec![None; jobs.len()];
    let mut open: Vec<usize> = (0..jobs.len()).collect();
    open.sort_by_key(|&place| {
        let job = &jobs[place];
        (job.organization, job.kind, &job.dedupe_key, job.id)
    });
    for _ in 0..ROUNDS {
        if open.is_empty() {
            break;
        }
        insert(connection, jobs, &open, &mut answers).await?;
        open.retain(|&place| answers[place].is_none());
        if open.is_empty() {
            break;
        }
        mark_standing(connection, jobs, &open, &mut answers).await?;
        open.retain(|&place| answers[place].is_none());
    }
    answers
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| {
            StoreError::Unavailable(sqlx::Error::Protocol(
                "a job with the same key kept ending while it was looked up".to_owned(),
            ))
        })
}

async fn insert(
    connection: &mut PgConnection,
    jobs: &[NewRow],
    open: &[usize],
    answers: &mut [Option<Enqueued>],
) -> Result<(), StoreError> {
    let column = |f: fn(&NewRow) -> Uuid| open.iter().map(|&i| f(&jobs[i])).collect::<Vec<_>>();
    let organizations = column(|job| job.organization.0);
    let ids = column(|job| job.id.0);
    let connections: Vec<_> = open
        .iter()
        .map(|&i| jobs[i].connection.map(|id| id.0))
        .collect();
    let repositories: Vec<_> = open
        .iter()
        .map(|&i| jobs[i].repository.map(|id| id.0))
        .collect();
    let kinds: Vec<_> = open.iter().map(|&i| jobs[i].kind.to_owned()).collect();
    let priorities: Vec<_> = open.iter().map(|&i| jobs[i].priority.code()).collect();
    let attempts: Vec<_> = open.iter().map(|&i| jobs[i].max_attempts).collect();
    let limits: Vec<_> = open.iter().map(|&i| jobs[i].connection_limit).collect();
    let long: Vec<_> = open.iter().map(|&i| jobs[i].long).collect();
    let run_at: Vec<_> = open.iter().map(|&i| jobs[i].run_at).collect();
    let created_at: Vec<_> = open.iter().map(|&i| jobs[i].created_at).collect();
    let keys: Vec<_> = open.iter().map(|&i| jobs[i].dedupe_key.clone()).collect();
    let payloads: Vec<_> = open.iter().map(|&i| jobs[i].payload.clone()).collect();
    let actors: Vec<_> = open
        .iter()
        .map(|&i| {
            jobs[i].requested_by.as_ref().map(|actor| {
                serde_json::to_string(actor).expect("an actor is made of strings and an id")
            })
        })
        .collect();
    let inserted = sqlx::query_scalar!(
        "INSERT INTO jobs (organization_id, id, connection_id, repository_id, kind, priority, \
             max_attempts, connection_limit, long, run_at, created_at, dedupe_key, payload, \
             requested_by) \
         SELECT organization_id, id, connection_id, repository_id, kind, priority, max_attempts, \
             connection_limit, long, run_at, created_at, dedupe_key, payload::json, \
             requested_by::json \
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::smallint[], \
             $7::smallint[], $8::smallint[], $9::boolean[], $10::timestamptz[], \
             $11::timestamptz[], $12::text[], $13::text[], $14::text[]) \
             AS new (organization_id, id, connection_id, repository_id, kind, priority, \
                 max_attempts, connection_limit, long, run_at, created_at, dedupe_key, payload, \
                 requested_by) \
         ON CONFLICT (organization_id, kind, dedupe_key) \
             WHERE dedupe_key IS NOT NULL AND status IN (0, 1) DO NOTHING \
         RETURNING id",
        &organizations,
        &ids,
        &connections as &[Option<Uuid>],
        &repositories as &[Option<Uuid>],
        &kinds,
        &priorities,
        &attempts,
        &limits as &[Option<i16>],
        &long,
        &run_at,
        &created_at,
        &keys as &[Option<String>],
        &payloads,
        &actors as &[Option<String>],
    )
    .fetch_all(connection)
    .await?;
    let inserted: HashSet<Uuid> = inserted.into_iter().collect();
    for &place in open {
        if inserted.contains(&jobs[place].id.0) {
            answers[place] = Some(Enqueued {
                job_id: jobs[place].id,
                lane: jobs[place].lane(),
                repeat: false,
                running: false,
            });
        }
    }
    Ok(())
}

async fn mark_standing(
    connection: &mut PgConnection,
    jobs: &[NewRow],
    open: &[usize],
    answers: &mut [Option<Enqueued>],
) -> Result<(), StoreError> {
    let organizations: Vec<_> = open.iter().map(|&i| jobs[i].organization.0).collect();
    let kinds: Vec<_> = open.iter().map(|&i| jobs[i].kind.to_owned()).collect();
    let keys: Vec<_> = open.iter().map(|&i| jobs[i].dedupe_key.clone()).collect();
    let priorities: Vec<_> = open.iter().map(|&i| jobs[i].priority.code()).collect();
    let run_at: Vec<_> = open.iter().map(|&i| jobs[i].run_at).collect();
    let rerun: Vec<_> = open.iter().map(|&i| jobs[i].rerun_on_repeat).collect();
    // Locked first: what is written depends on the row as it is then. A queued job that has run
    // before waits for a retry or a reset, which only a higher class cuts short, and then goes on
    // from where it was: like a running one it may have passed what the repeat is about. Most repeats
    // change nothing, and then write nothing.
    let standing = sqlx::query!(
        "WITH repeat AS ( \
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], \
                 $5::timestamptz[], $6::boolean[]) WITH ORDINALITY \
                 AS r (organization_id, kind, dedupe_key, priority, run_at, rerun, place) \
         ), standing AS MATERIALIZED ( \
             SELECT r.place, j.organization_id, j.id, j.connection_id, j.long, j.status, \
                 j.rerun OR (r.rerun AND (j.status = 1 OR j.fence > 0)) AS rerun, \
                 LEAST(j.priority, r.priority) AS priority, \
                 CASE WHEN j.status = 0 AND (j.fence = 0 OR r.priority < j.priority) \
                     THEN LEAST(j.run_at, r.run_at) ELSE j.run_at END AS run_at \
             FROM repeat r JOIN jobs j ON j.organization_id = r.organization_id \
                 AND j.kind = r.kind AND j.dedupe_key = r.dedupe_key \
             WHERE j.dedupe_key IS NOT NULL AND j.status IN (0, 1) \
             ORDER BY j.organization_id, j.id FOR UPDATE OF j \
         ), changed AS ( \
             UPDATE jobs j SET rerun = s.rerun, priority = s.priority, run_at = s.run_at \
             FROM standing s \
             WHERE j.organization_id = s.organization_id AND j.id = s.id AND j.status IN (0, 1) \
                 AND (j.rerun, j.priority, j.run_at) <> (s.rerun, s.priority, s.run_at) \
         ) \
         SELECT place AS \"place!\", id, connection_id, priority AS \"priority!\", long, status \
         FROM standing",
        &organizations,
        &kinds,
        &keys as &[Option<String>],
        &priorities,
        &run_at,
        &rerun,
    )
    .fetch_all(connection)
    .await?;
    for row in standing {
        let place = usize::try_from(row.place)
            .ok()
            .and_then(|n| open.get(n.checked_sub(1)?));
        let Some(&place) = place else { continue };
        answers[place] = Some(Enqueued {
            job_id: row.id.into(),
            lane: Lane {
                organization: jobs[place].organization,
                connection: row.connection_id.unwrap_or_else(Uuid::nil),
                priority: row.priority,
                long: row.long,
            },
            repeat: true,
            running: row.status == 1,
        });
    }
    Ok(())
}
