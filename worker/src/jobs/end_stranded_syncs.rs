//! Ends runs of the repository sync whose job has ended without them: cancelled while it waited,
//! or dead for the last time. Such a run would show as running for ever.

use shared::domain::sync::{IncompleteReason, SyncStatus};
use shared::flows::{Context, Error};
use shared::queue::catalogue::EndStrandedSyncs;
use shared::store::sweeps;
use shared::store::sync_runs::{self, Ending};

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

const BATCH: i64 = 500;

impl Handler<Context> for EndStrandedSyncs {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match end(&job).await {
            Ok(ended) => Verdict::Done(serde_json::json!({ "ended": ended })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn end(job: &JobContext<Context>) -> Result<usize, Error> {
    let context = job.app();
    let stranded = sweeps::stranded_runs(&context.db.system(), BATCH).await?;
    let ending = Ending {
        status: SyncStatus::Failed,
        complete: false,
        reason: Some(IncompleteReason::Cancelled),
        removed: 0,
        error: Some((
            "job_ended".to_owned(),
            "The job of this run ended before it. Nothing was removed; sync again.".to_owned(),
        )),
    };
    for (organization, run) in &stranded {
        let mut tx = context.db.tenant(*organization).await?;
        sync_runs::finish(&mut tx, *run, &ending, job.now()).await?;
        tx.commit().await?;
    }
    Ok(stranded.len())
}
