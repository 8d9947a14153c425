//! The engine: starts the tasks, and ends them in order.
//!
//! The end, in order: nothing is claimed or started any more; what was claimed and not started is
//! given back, its attempt uncounted; what runs has until the grace ends, and is then cut and queued
//! again, uncounted too; the last outcomes are written; the lease is deleted, so that whatever could
//! not be written may be taken over at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apalis_core::monitor::Monitor;
use apalis_core::monitor::context::MonitorContext;
use apalis_core::worker::builder::WorkerBuilder;
use shared::clock::Clock;
use shared::queue::{Doorbell, Redis};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backend::acknowledge::{self, LAST_WORDS};
use crate::backend::claim;
use crate::backend::core::Core;
use crate::backend::{Note, Reason, Source};
use crate::backend::{heartbeat, listen, survey};
use crate::runtime::{Execute, Figures, Registry, Schedule, run_schedule};

/// What an engine is made of. `C` is what the application gives to all its jobs.
pub struct EngineOptions<C> {
    /// The database; the role must be allowed to become `mooring_system`.
    pub connect: PgConnectOptions,
    /// Jobs that may run at once in this process, at least 1.
    pub concurrency: usize,
    /// How long jobs stay with a process that does not answer.
    pub lease: Duration,
    /// Calendar time.
    pub clock: Clock,
    /// A name for operators: `host/pid`.
    pub worker: String,
    /// The kinds this worker runs.
    pub registry: Registry<C>,
    /// Given to all jobs.
    pub context: C,
    /// What is due by the clock; empty for none.
    pub schedule: Schedule,
    /// Rung for scheduled jobs.
    pub doorbell: Doorbell,
    /// A second wire to hear rings on, beside Postgres.
    pub redis: Option<Redis>,
}

impl<C> fmt::Debug for EngineOptions<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("concurrency", &self.concurrency)
            .field("lease", &self.lease)
            .field("worker", &self.worker)
            .field("registry", &self.registry)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// Starts engines.
#[derive(Clone, Copy, Debug)]
pub struct Engine;

impl Engine {
    /// Starts an engine on the current Tokio runtime. Never fails: where the database is away, work
    /// begins when it is back.
    #[must_use]
    pub fn start<C: Clone + Send + Sync + 'static>(options: EngineOptions<C>) -> RunningEngine {
        let (core, notes) = Core::new(
            options.connect,
            options.clock,
            options.worker,
            options.concurrency.max(1),
            options.lease,
        );
        let core = Arc::new(core);
        let end = CancellationToken::new();
        let mut before = JoinSet::new();
        before.spawn(claim::run(Arc::clone(&core)));
        before.spawn(survey::run(Arc::clone(&core)));
        before.spawn(listen::run(Arc::clone(&core), options.redis));
        before.spawn(run_schedule(
            Arc::clone(&core),
            options.schedule,
            options.doorbell,
        ));
        let mut after = JoinSet::new();
        after.spawn(heartbeat::run(Arc::clone(&core), end.clone()));
        let mut acknowledger = JoinSet::new();
        acknowledger.spawn(acknowledge::run(Arc::clone(&core), notes));
        let figures = options.registry.figures();
        let (monitor, worker) = start_worker(&core, Arc::new(options.registry), options.context);
        RunningEngine {
            core,
            figures,
            end,
            before,
            acknowledger,
            after,
            monitor,
            worker,
        }
    }
}

fn start_worker<C: Clone + Send + Sync + 'static>(
    core: &Arc<Core>,
    registry: Arc<Registry<C>>,
    app: C,
) -> (MonitorContext, JoinHandle<()>) {
    let shared = Arc::clone(core);
    let monitor = Monitor::new()
        .register(move |_| {
            let execute = Execute {
                registry: Arc::clone(&registry),
                app: app.clone(),
                core: Arc::clone(&shared),
            };
            WorkerBuilder::new(shared.worker.as_str())
                .backend(Source::new(Arc::clone(&shared)))
                .build(execute)
        })
        .should_restart(|_, error| {
            tracing::error!(%error, "the worker ended by itself; starting it again");
            true
        });
    let context = monitor.context();
    let task = tokio::spawn(async move {
        if let Err(error) = monitor.run().await {
            tracing::error!(%error, "the worker ended");
        }
    });
    (context, task)
}

/// An engine at work. Dropping it without [`shutdown`](RunningEngine::shutdown) is like killing the
/// process: its jobs are taken over when its lease ends.
#[derive(Debug)]
pub struct RunningEngine {
    core: Arc<Core>,
    figures: Figures,
    end: CancellationToken,
    before: JoinSet<()>,
    acknowledger: JoinSet<()>,
    after: JoinSet<()>,
    monitor: MonitorContext,
    worker: JoinHandle<()>,
}

impl Drop for RunningEngine {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl RunningEngine {
    /// Ends the engine; see the module. Takes at most `grace` and some seconds.
    pub async fn shutdown(mut self, grace: Duration) {
        self.core.stopping.cancel();
        let _ = tokio::time::timeout(self.core.deadline(), async {
            while self.before.join_next().await.is_some() {}
        })
        .await;
        self.before.abort_all();
        self.core.give_back(Duration::ZERO);
        let _ = self.monitor.shutdown();
        if tokio::time::timeout(grace, &mut self.worker).await.is_err() {
            let cut = self.core.ledger.unfinished().len();
            tracing::warn!(
                jobs = cut,
                "the grace is over: running jobs are cut and queued again"
            );
            self.core.ledger.end_all(Reason::Shutdown);
            self.worker.abort();
            let _ = (&mut self.worker).await;
        }
        self.core.tell(Note::Close);
        let _ = tokio::time::timeout(LAST_WORDS, async {
            while self.acknowledger.join_next().await.is_some() {}
        })
        .await;
        self.end.cancel();
        let _ = tokio::time::timeout(self.core.deadline(), async {
            while self.after.join_next().await.is_some() {}
        })
        .await;
    }

    /// Whether this worker's lease certainly stands: it can take work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.core.tenure.current().is_some()
    }

    /// What this engine has run so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Jobs held by this process: running or about to.
    #[must_use]
    pub fn held(&self) -> usize {
        self.core.ledger.slots().taken
    }

    /// Waits until no job of the whole table is due or running, by the engine's clock.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn idle(&self) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.core.connect).await?;
        sqlx::query!("SET ROLE mooring_system")
            .execute(&mut connection)
            .await?;
        loop {
            let busy = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT FROM jobs WHERE status = 1)
                    OR EXISTS (SELECT FROM jobs WHERE status = 0 AND run_at <= $1) AS "busy!""#,
                self.core.clock.now()
            )
            .fetch_one(&mut connection)
            .await?;
            if !busy {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
