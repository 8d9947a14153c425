//! Enqueues the renewal of every token whose time has come: a stretch of the index at a time, all
//! tenants of it in one transaction.

use chrono::DateTime;
use shared::domain::ids::ConnectionId;
use shared::flows::{Context, Error};
use shared::queue::catalogue::{RefreshToken, SweepDueTokens};
use shared::queue::{Job, NewJob, enqueue};
use shared::store::StoreError;
use shared::store::sweeps::renewals::due_tokens;
use uuid::Uuid;

use super::verdict_of;
use crate::runtime::{Handler, JobContext, Verdict};

/// Tokens looked at in one statement, and enqueued in one transaction.
const STRETCH: i64 = 1_000;
/// Looked at in one sweep: the next one goes on, and what waits longest comes first.
const MOST: usize = 100_000;

impl Handler<Context> for SweepDueTokens {
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
    let (mut looked, mut enqueued) = (0, 0);
    while looked < MOST {
        let due = due_tokens(&system, after, now, RefreshToken::KIND, STRETCH).await?;
        let Some(last) = due.last() else { break };
        after = (last.since, last.connection);
        looked += due.len();
        let jobs: Vec<NewJob> = due
            .iter()
            .filter(|token| !token.enqueued)
            .map(|token| {
                let payload = RefreshToken {
                    connection_id: token.connection,
                };
                NewJob::new(&payload, token.organization, now)
                    .connection(token.connection)
                    .dedupe_key(token.connection.to_string())
            })
            .collect();
        if jobs.is_empty() {
            continue;
        }
        let mut tx = system.begin().await?;
        let lanes = enqueue(&mut tx, &jobs).await?;
        tx.commit().await.map_err(StoreError::from)?;
        enqueued += jobs.len();
        context.doorbell.ring(lanes.iter().map(|job| job.lane));
    }
    Ok(enqueued)
}
