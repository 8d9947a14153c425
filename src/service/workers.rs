//! The workers of this process: the job engine, and the sealer of activity beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::config::Config;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::runtime::Figures;
use worker::{Engine, EngineOptions, RunningEngine};

use super::parts::Parts;

/// Workers at work.
pub struct Workers {
    /// Shared with who asks whether it is ready; taken out for its end.
    engine: Arc<Mutex<Option<RunningEngine>>>,
    sealer: JoinSet<()>,
    stop: CancellationToken,
}

impl Workers {
    /// Starts them. They outlive a database that is away, so this cannot fail.
    pub fn start(config: &Config, parts: &Parts) -> Self {
        let engine = Engine::start(EngineOptions {
            connect: parts.connect.clone(),
            concurrency: config.jobs.concurrency,
            lease: config.jobs.lease,
            clock: parts.context.clock.clone(),
            worker: name(),
            registry: worker::jobs::registry(),
            context: parts.context.clone(),
            schedule: worker::jobs::schedule(&config.intervals),
            doorbell: parts.context.doorbell.clone(),
            redis: parts.redis.clone(),
        });
        let stop = CancellationToken::new();
        let mut sealer = JoinSet::new();
        sealer.spawn(worker::sealer::run(parts.context.clone(), stop.clone()));
        let context = parts.context.clone();
        sealer.spawn(async move { worker::jobs::enqueue_at_start(&context).await });
        Self {
            engine: Arc::new(Mutex::new(Some(engine))),
            sealer,
            stop,
        }
    }

    /// Asks whether they can take work.
    pub fn probe(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let engine = Arc::clone(&self.engine);
        move || {
            let engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
            engine.as_ref().is_some_and(RunningEngine::is_ready)
        }
    }

    /// What they have run so far.
    pub fn figures(&self) -> Option<Figures> {
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map(RunningEngine::figures)
    }

    /// Stops taking work, gives what runs its grace, hands the rest back.
    pub async fn end(mut self, grace: Duration) {
        let engine = self
            .engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(engine) = engine {
            engine.shutdown(grace).await;
        }
        // After the last job, so that what it recorded is sealed as far as that goes; what is not
        // is sealed by the next worker.
        self.stop.cancel();
        while self.sealer.join_next().await.is_some() {}
    }
}

/// `host/pid`: what an operator finds a worker by.
pub fn name() -> String {
    let host = rustix::system::uname();
    format!(
        "{}/{}",
        host.nodename().to_string_lossy(),
        std::process::id()
    )
}
