//! Jobs as callers see them: list, look, cancel, retry.

use crate::authz::Permit;
use crate::domain::ids::JobId;
use crate::domain::job::Job;
use crate::domain::page::{Page, PageRequest};
use crate::flows::{Context, Error};
use crate::store::StoreError;
use crate::store::jobs::{self, Retried};

pub use crate::store::jobs::Filter;

/// A page of jobs, newest first.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    filter: &Filter,
    request: &PageRequest<JobId>,
) -> Result<Page<Job>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    Ok(jobs::list(&mut tx, permit.organization(), filter, request).await?)
}

/// One job.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(context: &Context, permit: &Permit, id: JobId) -> Result<Job, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    jobs::get(&mut *tx, permit.organization(), id)
        .await?
        .ok_or(Error::NotFound("job"))
}

/// Asks for a job's end: a queued one ends at once, a running one within a second.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn cancel(context: &Context, permit: &Permit, id: JobId) -> Result<Job, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let now = context.clock.now();
    let job = jobs::request_cancel(&mut tx, permit.organization(), id, now)
        .await?
        .ok_or(Error::NotFound("job"))?;
    tx.commit().await?;
    Ok(job)
}

/// Queues a failed or cancelled job again, or gives the standing job that does its work.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `job_not_failed`.
pub async fn retry(context: &Context, permit: &Permit, id: JobId) -> Result<Job, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let now = context.clock.now();
    let retried = match jobs::retry(&mut tx, permit.organization(), id, now).await {
        Err(StoreError::Conflict { .. }) => {
            return Err(Error::Conflict {
                code: "job_standing",
                message: "The same work was just asked for. Look at the list of jobs.".to_owned(),
            });
        }
        other => other?,
    };
    match retried.ok_or(Error::NotFound("job"))? {
        Retried::Queued(job, lane) => {
            tx.commit().await?;
            context.doorbell.ring([lane]);
            Ok(*job)
        }
        Retried::Standing(job) => Ok(*job),
        Retried::NotFailed(_) => Err(Error::Conflict {
            code: "job_not_failed",
            message: "Only a failed or cancelled job can be retried.".to_owned(),
        }),
    }
}
