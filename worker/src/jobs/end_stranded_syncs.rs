//! Ends runs of the repository sync whose job has ended without them: cancelled while it waited,
//! or dead for the last time. Such a run would show as running for ever.

use shared::domain::ids::ConnectionId;
use shared::domain::sync::{IncompleteReason, SyncStatus};
use shared::flows::{Context, Error};
use shared::queue::catalogue::EndStrandedSyncs;
use shared::store::sweeps;
use shared::store::sync_runs::{self, Ending};
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Runs looked at in one statement.
const STRETCH: i64 = 500;

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
    let mut after = ConnectionId(Uuid::nil());
    let mut ended = 0;
    loop {
        let looked = sweeps::stranded_runs(&context.db.system(), after, STRETCH).await?;
        for (organization, run) in looked.stranded {
            let mut tx = context.db.tenant(organization).await?;
            let run = sync_runs::finish(&mut tx, run, &ending, job.now()).await?;
            tx.commit().await?;
            ended += usize::from(run.is_some());
        }
        match looked.last {
            Some(last) => after = last,
            None => return Ok(ended),
        }
    }
}
