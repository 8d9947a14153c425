//! Forgets providers' windows that nobody has used for a day.

use chrono::TimeDelta;
use shared::flows::Context;
use shared::queue::catalogue::ForgetLimits;
use shared::store::sweeps;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// No window that a provider tells is longer.
const UNUSED: TimeDelta = TimeDelta::days(1);
/// Deleted in one statement.
const BATCH: i64 = 10_000;

impl Handler<Context> for ForgetLimits {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        let before = job.now() - UNUSED;
        match sweeps::forget_budgets(&job.app().db.system(), before, BATCH).await {
            Ok(forgotten) => Verdict::Done(serde_json::json!({ "forgotten": forgotten })),
            Err(error) => verdict_of(error.into()),
        }
    }
}
