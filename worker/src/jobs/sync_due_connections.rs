//! Enqueues the syncs whose turn has come by the clock.

use shared::flows::{Context, sync};
use shared::queue::catalogue::SyncDueConnections;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

impl Handler<Context> for SyncDueConnections {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match sync::due(job.app()).await {
            Ok(enqueued) => Verdict::Done(serde_json::json!({ "enqueued": enqueued })),
            Err(error) => verdict_of(error),
        }
    }
}
