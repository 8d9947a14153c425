//! The face towards apalis: a receiver of claimed jobs, and the layer that acknowledges them.
//!
//! An `Err` from any poll method makes the worker return and drops every running job, so there is
//! none: the error type has no values. `Ready(None)` would end the worker; it ends by the monitor's
//! shutdown alone. The engine gives back, flushes and closes by itself, since `poll_close` comes
//! only when nothing runs any more, and not at all where the grace ends first.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use shared::domain::job::JobError;
use shared::queue::Lane;
use tower::{Layer, Service};

use super::claimed::{Claimed, Ended, Outcome};
use super::core::Core;
use super::running::{Reason, Running};

/// A handle on the engine's claimed jobs; cheap, so that a restarted worker gets a new one.
#[derive(Debug)]
pub struct Source {
    core: Arc<Core>,
}

impl Source {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl Backend for Source {
    type Task = Task<Claimed>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Claimed>, Infallible>>> {
        self.core.poll_start(cx).map(|job| Some(Ok(Task::new(job))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Source {
    type Args = Claimed;
    type Id = uuid::Uuid;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = AcknowledgeLayer;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> AcknowledgeLayer {
        AcknowledgeLayer {
            core: Arc::clone(&self.core),
        }
    }
}

/// Tells the acknowledger what came of each job; outside of every other layer.
#[derive(Clone, Debug)]
pub struct AcknowledgeLayer {
    core: Arc<Core>,
}

impl<S> Layer<S> for AcknowledgeLayer {
    type Service = Acknowledge<S>;

    fn layer(&self, inner: S) -> Acknowledge<S> {
        Acknowledge {
            core: Arc::clone(&self.core),
            inner,
        }
    }
}

/// See [`AcknowledgeLayer`].
#[derive(Clone, Debug)]
pub struct Acknowledge<S> {
    core: Arc<Core>,
    inner: S,
}

impl<S> Service<Task<Claimed>> for Acknowledge<S>
where
    S: Service<Task<Claimed>, Response = Outcome>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<(), Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.inner.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            // A layer that is not ready for good would end the worker; each job tells by itself.
            Poll::Ready(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, task: Task<Claimed>) -> Self::Future {
        let job = &task.args;
        let mut guard = Guard {
            core: Arc::clone(&self.core),
            open: Some((Arc::clone(&job.running), job.lane, job.limited)),
            attempts_left: job.attempt < job.max_attempts,
        };
        let attempt = AssertUnwindSafe(self.inner.call(task)).catch_unwind();
        async move {
            if let Ok(Ok(outcome)) = attempt.await {
                guard.end(outcome);
            }
            Ok(())
        }
        .boxed()
    }
}

/// Ends a job whose future was dropped, or panicked outside of its handler.
struct Guard {
    core: Arc<Core>,
    open: Option<(Arc<Running>, Lane, bool)>,
    attempts_left: bool,
}

impl Guard {
    fn end(&mut self, outcome: Outcome) {
        if let Some((running, lane, limited)) = self.open.take() {
            let progress = running.last_progress();
            self.core.ended(Ended {
                running,
                lane,
                limited,
                outcome,
                progress,
            });
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some((running, ..)) = &self.open else {
            return;
        };
        let at_shutdown = running.reason() == Some(Reason::Shutdown);
        let error = JobError {
            code: "job_cut".to_owned(),
            message: "The worker ended before the job did.".to_owned(),
        };
        // An attempt that the end of the process cut short is not the job's fault.
        let outcome = if at_shutdown || self.attempts_left {
            Outcome::Requeued {
                run_at: self.core.clock.now(),
                counted: !at_shutdown,
                error: Some(error),
                told: None,
            }
        } else {
            Outcome::Failed(error)
        };
        self.end(outcome);
    }
}
