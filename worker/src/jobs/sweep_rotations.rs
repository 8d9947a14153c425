//! Enqueues the rotation of every token whose time has come: a stretch of the index at a time, all
//! tenants of it in one transaction.

use chrono::DateTime;
use shared::domain::ids::ConnectionId;
use shared::flows::{Context, Error};
use shared::queue::NewJob;
use shared::queue::catalogue::{RotateToken, SweepRotations};
use shared::store::sweeps::due_rotations;
use uuid::Uuid;

use super::{enqueue_everywhere, verdict_of};
use crate::runtime::{Handler, JobContext, Verdict};

/// Tokens looked at in one statement, and enqueued in one transaction.
const STRETCH: i64 = 1_000;

impl Handler<Context> for SweepRotations {
    async fn run(self, job: JobContext<Context>) -> Verdict {
        match sweep(&job).await {
            Ok(enqueued) => Verdict::Done(serde_json::json!({ "enqueued": enqueued })),
            Err(error) => verdict_of(error),
        }
    }
}

async fn sweep(job: &JobContext<Context>) -> Result<usize, Error> {
    let (context, now) = (job.app(), job.now());
    let system = context.db.system();
    let mut after = (DateTime::UNIX_EPOCH, ConnectionId(Uuid::nil()));
    let mut enqueued = 0;
    while job.reason().is_none() {
        let looked = due_rotations(&system, after, now, STRETCH).await?;
        let Some(last) = looked.last() else { break };
        after = (last.expires_at, last.connection);
        let due = looked.iter().filter(|one| one.due);
        let jobs: Vec<NewJob> = due
            .map(|one| {
                let payload = RotateToken {
                    connection_id: one.connection,
                };
                NewJob::new(&payload, one.organization, now)
                    .connection(one.connection)
                    .dedupe_key(one.connection.to_string())
            })
            .collect();
        enqueue_everywhere(context, &jobs).await?;
        enqueued += jobs.len();
    }
    Ok(enqueued)
}
