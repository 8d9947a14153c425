//! Enqueues the renewal of every token whose time has come: a stretch of the index at a time, all
//! tenants of it in one transaction.

use chrono::DateTime;
use shared::domain::ids::ConnectionId;
use shared::flows::{Context, Error};
use shared::queue::catalogue::{RefreshToken, SweepDueTokens};
use shared::queue::{Job, NewJob};
use shared::store::sweeps::renewals::due_tokens;
use uuid::Uuid;

use super::{enqueue_everywhere, verdict_of};
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
    while looked < MOST && job.reason().is_none() {
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
        enqueue_everywhere(context, &jobs).await?;
        enqueued += jobs.len();
    }
    Ok(enqueued)
}
