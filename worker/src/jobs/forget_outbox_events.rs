//! Forgets events after a week, told or not: longer than a delivery is tried. In batches.

use chrono::TimeDelta;
use shared::flows::Context;
use shared::queue::catalogue::ForgetOutboxEvents;
use shared::store::sweeps;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

const BATCH: i64 = 5_000;

impl Handler<Context> for ForgetOutboxEvents {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let before = job.now() - TimeDelta::days(7);
        let mut forgotten = 0;
        loop {
            let system = job.app().db.system();
            match sweeps::forget_outbox_events(&system, before, BATCH).await {
                Ok(0) => return Verdict::Done(serde_json::json!({ "forgotten": forgotten })),
                Ok(some) => forgotten += some,
                Err(error) => return verdict_of(error.into()),
            }
        }
    }
}
