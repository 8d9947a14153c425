//! Enqueues looks at hooks of repositories: hourly, when workers start, and when an absence of ours ended.
//!
//! An absence becomes marks on all registered sources, a stretch in one transaction with their jobs and
//! with how far it came, so that a sweep that died goes on. Then the day's questions, then whoever is marked
//! and may have no job any more. What deleted connections left behind is forgotten after a day. Jobs that
//! become due together begin some at a time.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::domain::ids::{ConnectionId, OrganizationId};
use shared::flows::webhooks::hook_look_job;
use shared::flows::{Context, Error};
use shared::queue::catalogue::SweepHookDeliveries;
use shared::queue::{NewJob, enqueue};
use shared::store::{StoreError, sweeps};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{enqueue_everywhere, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// Sources marked in one statement, and enqueued in one transaction.
const STRETCH: i64 = 500;
/// Jobs that begin in one second.
const A_SECOND: i64 = 20;
/// How often it is asked how hooks stand.
const EVERY: TimeDelta = TimeDelta::hours(24);

impl Handler<Context> for SweepHookDeliveries {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let mut sweep = Sweep {
            now: job.now(),
            enqueued: 0,
        };
        match sweep.run(&job).await {
            Ok(()) if job.reason().is_some() => Verdict::Snooze(job.now()),
            Ok(()) => Verdict::Done(json!({ "enqueued": sweep.enqueued })),
            Err(error) => verdict_of(error),
        }
    }
}

struct Sweep {
    now: DateTime<Utc>,
    enqueued: i64,
}

impl Sweep {
    async fn run(&mut self, job: &JobContext<Context>) -> Result<(), Error> {
        let context = job.app();
        let system = context.db.system();
        while job.reason().is_none()
            && let Some(absence) = sweeps::open_absence(&system).await?
        {
            let mut tx = system.begin().await?;
            let marked = sweeps::mark_absence(&mut tx, &absence, self.now, STRETCH).await?;
            self.commit(context, tx, marked).await?;
        }
        while job.reason().is_none() {
            let mut tx = system.begin().await?;
            let before = self.now - EVERY;
            let due = sweeps::take_checks(&mut tx, before, self.now, STRETCH).await?;
            if due.is_empty() {
                break;
            }
            self.commit(context, tx, due).await?;
        }
        let mut after = ConnectionId(Uuid::nil());
        while job.reason().is_none() {
            let standing = sweeps::standing_looks(&system, after, STRETCH).await?;
            let Some((_, last)) = standing.last() else {
                break;
            };
            after = *last;
            let jobs = self.jobs(standing);
            enqueue_everywhere(context, &jobs).await?;
        }
        let before = self.now - EVERY;
        while sweeps::forget_removals(&system, before, STRETCH).await? > 0 {}
        Ok(())
    }

    async fn commit(
        &mut self,
        context: &Context,
        mut tx: Transaction<'static, Postgres>,
        due: Vec<(OrganizationId, ConnectionId)>,
    ) -> Result<(), Error> {
        let jobs = self.jobs(due);
        let enqueued = enqueue(&mut tx, &jobs).await?;
        tx.commit().await.map_err(StoreError::from)?;
        context.doorbell.ring(enqueued.iter().map(|job| job.lane));
        Ok(())
    }

    fn jobs(&mut self, due: Vec<(OrganizationId, ConnectionId)>) -> Vec<NewJob> {
        let jobs = due.into_iter().map(|(organization, connection)| {
            let late = TimeDelta::seconds(self.enqueued / A_SECOND);
            self.enqueued += 1;
            hook_look_job(organization, connection, self.now).run_at(self.now + late)
        });
        jobs.collect()
    }
}
