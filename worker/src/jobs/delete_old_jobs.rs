//! Deletes jobs that ended long ago, and those of organizations that are gone.
//!
//! Needs: the record of each job is kept for a while and then goes, without an index of its own (every
//! index of this table costs each change of each job) and without standing in the way of claims.
//! Properties: an id begins with when its job was made, and a job ends after that; so the old ones of
//! an organization are a prefix of its part of the primary key, and are walked in it, in stretches of
//! their own transactions. What stays in a prefix and is walked again are failed jobs, which are few.
//! A stretch that goes leaves whole pages of table and index empty, which vacuum gives to new jobs:
//! the table stays as large as what it holds. A run deletes at most [`MOST`]; the next goes on, since
//! what was deleted is no longer in front of it.
//!
//! Races: a retry of a job that is about to go holds its row, which is then passed by; whoever comes
//! second finds it gone. Workers never hold a job that has ended.

use shared::domain::ids::{JobId, OrganizationId};
use shared::flows::{Context, Error};
use shared::queue::catalogue::DeleteOldJobs;
use shared::store::sweeps::{self, JobOwner, Old};
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Jobs looked at in one statement: some ten milliseconds.
const STRETCH: i64 = 2_000;
/// Jobs deleted by one run.
const MOST: u64 = 200_000;
/// Organizations looked for in one statement.
const OWNERS: i32 = 500;

impl Handler<Context> for DeleteOldJobs {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match delete(&job).await {
            Ok(deleted) => Verdict::Done(serde_json::json!({
                "deleted": deleted,
                "more": deleted >= MOST,
            })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn delete(job: &JobContext<Context>) -> Result<u64, Error> {
    let (context, now) = (job.app(), job.now());
    let old = Old {
        ended: now - context.retention.jobs,
        failed: now - context.retention.failed_jobs,
    };
    let newest = JobId::first_of(old.ended.max(old.failed));
    let mut after = OrganizationId(Uuid::nil());
    let mut deleted = 0;
    loop {
        let owners = sweeps::job_owners(&context.db.system(), after, OWNERS).await?;
        let Some(last) = owners.last() else {
            return Ok(deleted);
        };
        after = last.organization;
        for owner in owners {
            if owner.gone {
                deleted += delete_all(context, owner, MOST - deleted).await?;
            } else if owner.oldest < newest {
                deleted += delete_prefix(context, owner, old, MOST - deleted).await?;
            }
            if deleted >= MOST {
                return Ok(deleted);
            }
        }
    }
}

/// Of an organization that is there: what is old.
async fn delete_prefix(
    context: &Context,
    owner: JobOwner,
    old: Old,
    most: u64,
) -> Result<u64, Error> {
    let mut after = JobId(Uuid::nil());
    let mut deleted = 0;
    while deleted < most {
        let system = context.db.system();
        let limit = stretch(most - deleted);
        let done = sweeps::delete_old_jobs(&system, owner.organization, after, old, limit).await?;
        deleted += done.deleted;
        match done.last {
            Some(last) => after = last,
            None => break,
        }
    }
    Ok(deleted)
}

/// Of an organization that is gone: everything that does not run.
async fn delete_all(context: &Context, owner: JobOwner, most: u64) -> Result<u64, Error> {
    let mut deleted = 0;
    while deleted < most {
        let system = context.db.system();
        let limit = stretch(most - deleted);
        match sweeps::delete_orphaned_jobs(&system, owner.organization, limit).await? {
            0 => break,
            some => deleted += some,
        }
    }
    Ok(deleted)
}

fn stretch(left: u64) -> i64 {
    i64::try_from(left).map_or(STRETCH, |left| left.min(STRETCH))
}
