//! Deletes deliveries after their time, and those of organizations that are gone, as old jobs are: by
//! stretches of the primary key, whose ids begin with when a delivery came: the oldest of an organization
//! are the first of its part.

use serde_json::json;
use shared::domain::ids::OrganizationId;
use shared::flows::{Context, Error};
use shared::queue::catalogue::DeleteOldDeliveries;
use shared::store::sweeps;
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Deliveries deleted in one statement.
const STRETCH: i64 = 1_000;
/// Deleted by one run: the next one goes on.
const MOST: u64 = 200_000;
/// Organizations looked for in one statement.
const OWNERS: i32 = 500;

impl Handler<Context> for DeleteOldDeliveries {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match delete(&job).await {
            Ok(deleted) => Verdict::Done(json!({ "deleted": deleted, "more": deleted >= MOST })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn delete(job: &JobContext<Context>) -> Result<u64, Error> {
    let context = job.app();
    let before = job.now() - context.retention.deliveries;
    let mut after = OrganizationId(Uuid::nil());
    let mut deleted = 0;
    loop {
        let owners = sweeps::delivery_owners(&context.db.system(), after, OWNERS).await?;
        let Some(last) = owners.last() else {
            return Ok(deleted);
        };
        after = last.organization;
        for owner in owners {
            let below = if owner.gone {
                job.now() + chrono::TimeDelta::days(3650)
            } else {
                before
            };
            if owner.oldest >= below {
                continue;
            }
            loop {
                let system = context.db.system();
                let some =
                    sweeps::delete_deliveries(&system, owner.organization, below, STRETCH).await?;
                deleted += some;
                if some == 0 {
                    break;
                }
                if deleted >= MOST || job.reason().is_some() {
                    return Ok(deleted);
                }
            }
        }
    }
}
