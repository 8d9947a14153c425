//! What the jobs of the bench do, beside [nothing](super::child::Nothing).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::domain::job::Priority;
use shared::queue::{Backoff, Job};

use super::child::Tally;
use super::log;
use crate::runtime::{Handler, JobContext, Verdict};

/// A job that takes its time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Busy {
    /// How long, in milliseconds.
    pub(super) ms: u64,
}

impl Job for Busy {
    const KIND: &'static str = "bench_busy";
    const PRIORITY: Priority = Priority::Webhook;
}

impl Handler<Tally> for Busy {
    async fn run(self, context: JobContext<Tally>) -> Verdict {
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        context.app().count();
        Verdict::done()
    }
}

/// A job of the storm: says in a log of its own that it runs, takes its time, and has its effect
/// once, however often it runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Stormy {
    /// How long, in milliseconds.
    pub(super) ms: u64,
    /// Whether it ends with a result, which is written down by another statement.
    pub(super) tells: bool,
}

impl Job for Stormy {
    const KIND: &'static str = "bench_stormy";
    const PRIORITY: Priority = Priority::Sync;
    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        most: Duration::from_secs(1),
    };
}

impl Handler<Tally> for Stormy {
    async fn run(self, context: JobContext<Tally>) -> Verdict {
        match self.steps(&context).await {
            Ok(()) if self.tells => Verdict::Done(serde_json::json!({ "fence": context.fence() })),
            Ok(()) => Verdict::done(),
            Err(error) => Verdict::retry("no_database", error.to_string()),
        }
    }
}

impl Stormy {
    async fn steps(self, context: &JobContext<Tally>) -> Result<(), sqlx::Error> {
        let pool = &context.app().pool;
        let (job, fence, attempt) = (context.job(), context.fence(), context.attempt());
        let run = log::begin(pool, job, fence, attempt).await?;
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        log::end(pool, job, run, context.now()).await?;
        context.app().count();
        Ok(())
    }
}
