//! Enqueues the validations whose turn has come by the clock.

use shared::flows::{Context, connections};
use shared::queue::catalogue::ValidateDueConnections;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for ValidateDueConnections {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match connections::validate_due(job.app()).await {
            Ok(enqueued) => Verdict::Done(serde_json::json!({ "enqueued": enqueued })),
            Err(error) => verdict_of(error),
        }
    }
}
