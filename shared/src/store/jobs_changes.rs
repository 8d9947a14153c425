//! What changed in `jobs`, found without a column for it: a second index would cost the queue a
//! tenth of its rate. Jobs that are open are found by the indexes of the queue, new ones by their
//! ids, and what a job says of itself tells when it last moved. Run in a transaction of its tenant.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::StoreError;
use super::jobs::{Row, select};
use crate::domain::ids::{JobId, OrganizationId};
use crate::domain::job::Job;

/// Most changes that are told at once.
pub const MOST: usize = 1000;
/// How many of the newest jobs are looked at for those that ended, and how many of those that wait:
/// whoever has more jobs than that is told to read anew, so there is no need to look at all of them.
const NEWEST: i64 = 2000;

/// These jobs, as far as they are there, in the order of their ids.
///
/// # Errors
/// As every statement.
pub async fn get_many(
    db: &mut PgConnection,
    organization: OrganizationId,
    ids: &[JobId],
) -> Result<Vec<Job>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    select!(
        "WHERE organization_id = $1 AND id = ANY($2) ORDER BY id",
        organization.0,
        &ids
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Job::try_from)
    .collect()
}

/// Jobs that changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// As they are now, in the order of their ids.
    pub jobs: Vec<Job>,
    /// Whether these are all.
    pub complete: bool,
}

/// Jobs that may have changed since then: all that run, those that wait and were made or put back
/// since, those that ended since. `complete` is false where there were too many to be sure.
///
/// # Errors
/// As every statement.
pub async fn since(
    db: &mut PgConnection,
    organization: OrganizationId,
    then: DateTime<Utc>,
) -> Result<Changed, StoreError> {
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
    let jobs: Vec<Job> = select!(
        "WHERE organization_id = $1 AND id IN (
            (SELECT id FROM (
                SELECT id, attempt, run_at, created_at FROM jobs
                WHERE organization_id = $1 AND status = 0 LIMIT $4) waiting
                WHERE attempt > 0 OR run_at > $2 OR created_at > $2 LIMIT $3)
            UNION ALL (SELECT id FROM jobs WHERE organization_id = $1 AND status = 1 LIMIT $3)
            UNION ALL (SELECT id FROM (
                SELECT id, finished_at FROM jobs WHERE organization_id = $1
                ORDER BY id DESC LIMIT $4) newest WHERE finished_at > $2 LIMIT $3))
         ORDER BY id LIMIT $3",
        organization.0,
        then,
        limit,
        NEWEST
    )
    .fetch_all(&mut *db)
    .await?
    .into_iter()
    .map(Job::try_from)
    .collect::<Result<_, _>>()?;
    let older = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM jobs WHERE organization_id = $1
            ORDER BY id DESC OFFSET $2 LIMIT 1) AS "there!""#,
        organization.0,
        NEWEST
    )
    .fetch_one(db)
    .await?;
    Ok(Changed {
        complete: !older && jobs.len() < MOST,
        jobs,
    })
}
