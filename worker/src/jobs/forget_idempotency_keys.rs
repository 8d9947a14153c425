//! Forgets answers to changing calls after a day, in batches.

use chrono::TimeDelta;
use shared::flows::Context;
use shared::queue::catalogue::ForgetIdempotencyKeys;
use shared::store::sweeps;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

const BATCH: i64 = 5_000;

impl Handler<Context> for ForgetIdempotencyKeys {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let before = job.now() - TimeDelta::hours(24);
        let mut forgotten = 0;
        loop {
            let system = job.app().db.system();
            match sweeps::forget_idempotency_keys(&system, before, BATCH).await {
                Ok(0) => return Verdict::Done(serde_json::json!({ "forgotten": forgotten })),
                Ok(some) => forgotten += some,
                Err(error) => return verdict_of(error.into()),
            }
        }
    }
}
