//! One attempt, from the claimed row to its outcome.

use std::any::Any;
use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use apalis_core::task::Task;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use shared::domain::job::JobError;
use shared::queue::Cancellation;
use tokio_util::task::AbortOnDropHandle;
use tower::Service;
use tracing::Instrument;

use super::backoff::delay;
use super::context::JobContext;
use super::registry::{Kind, Registry};
use super::verdict::Verdict;
use crate::backend::core::Core;
use crate::backend::{Claimed, Outcome, Reason, Running};

/// Between telling a job that it is to end and dropping it.
const TOLD: Duration = Duration::from_millis(200);
/// A kind that this worker does not know (another version's) waits for one that does.
const UNKNOWN_KIND: TimeDelta = TimeDelta::seconds(30);

/// The innermost service of the worker: runs a claimed job by its kind's handler.
#[derive(Debug)]
pub(crate) struct Execute<C> {
    pub(crate) registry: Arc<Registry<C>>,
    pub(crate) app: C,
    pub(crate) core: Arc<Core>,
}

impl<C: Clone + Send + Sync + 'static> Service<Task<Claimed>> for Execute<C> {
    type Response = Outcome;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Outcome, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Claimed>) -> Self::Future {
        let job = task.args;
        let registry = Arc::clone(&self.registry);
        let context = JobContext::new(self.app.clone(), Arc::clone(&self.core), &job);
        let core = Arc::clone(&self.core);
        async move { Ok(execute(&registry, context, &core, job).await) }.boxed()
    }
}

/// How an attempt ended.
enum End {
    Verdict(Verdict),
    Panicked,
    TimedOut,
    Cut,
}

async fn execute<C: Clone + Send + Sync + 'static>(
    registry: &Registry<C>,
    context: JobContext<C>,
    core: &Core,
    job: Claimed,
) -> Outcome {
    let Some(kind) = registry.get(&job.kind) else {
        tracing::warn!(kind = job.kind, job = %job.id, "no handler here for this kind of job; leaving it to another worker");
        return Outcome::Requeued {
            run_at: core.clock.now() + UNKNOWN_KIND,
            counted: false,
            error: None,
            told: None,
        };
    };
    let span = tracing::info_span!(
        "job",
        kind = kind.name,
        job = %job.id,
        organization = %job.organization,
        connection = job.connection.map(tracing::field::display),
        attempt = job.attempt,
    );
    let began = Instant::now();
    let waited = core.clock.now() - job.run_at;
    kind.figures.began(waited.to_std().unwrap_or_default());
    async {
        let end = match span.in_scope(|| (kind.run)(context, &job.payload)) {
            Ok(attempt) => watch(kind, &job, attempt, &span).await,
            Err(error) => {
                tracing::error!(%error, "the payload cannot be read");
                End::Verdict(Verdict::fail(
                    "payload_unreadable",
                    "This version of Mooring cannot read the job's payload; ask for the work again.",
                ))
            }
        };
        let outcome = conclude(kind, &job, end, core.clock.now());
        kind.figures.ended(&outcome, began.elapsed());
        outcome
    }
    .instrument(span.clone())
    .await
}

/// Runs the attempt to its end, its time limit, or the moment it is cut. A job expected to be long
/// gets a task of its own: all others are polled by the worker's one.
async fn watch<C>(
    kind: &Kind<C>,
    job: &Claimed,
    attempt: BoxFuture<'static, Verdict>,
    span: &tracing::Span,
) -> End {
    let attempt: BoxFuture<'static, End> = if job.lane.long {
        let task = AbortOnDropHandle::new(tokio::spawn(attempt.instrument(span.clone())));
        async move {
            match task.await {
                Ok(verdict) => End::Verdict(verdict),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => panicked(&*panic),
                    Err(_) => End::Cut,
                },
            }
        }
        .boxed()
    } else {
        AssertUnwindSafe(attempt)
            .catch_unwind()
            .map(|ended| match ended {
                Ok(verdict) => End::Verdict(verdict),
                Err(panic) => panicked(&*panic),
            })
            .boxed()
    };
    tokio::select! {
        biased;
        ended = tokio::time::timeout(kind.timeout, attempt) => ended.unwrap_or(End::TimedOut),
        () = cut(&job.running, kind.cancellation) => End::Cut,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> End {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(not a text)");
    tracing::error!(panic = text, "a job panicked");
    End::Panicked
}

/// Returns when the job is to be dropped.
async fn cut(running: &Running, cancellation: Cancellation) {
    running.token().cancelled().await;
    if cancellation == Cancellation::Told {
        pending::<()>().await;
    }
    tokio::time::sleep(TOLD).await;
}

fn conclude<C>(kind: &Kind<C>, job: &Claimed, end: End, now: DateTime<Utc>) -> Outcome {
    let cancelled = job.running.reason() == Some(Reason::Cancelled);
    let verdict = match end {
        End::Verdict(verdict) => verdict,
        End::Panicked => Verdict::retry(
            "job_panicked",
            "The job ended by a panic, which is a fault of Mooring; the worker's log has it.",
        ),
        End::TimedOut => Verdict::retry(
            "job_timed_out",
            format!(
                "The attempt did not end within {} s.",
                kind.timeout.as_secs_f64()
            ),
        ),
        End::Cut if job.running.reason() == Some(Reason::Shutdown) => Verdict::Snooze(now),
        End::Cut => Verdict::retry("job_cut", "The attempt was cut short."),
    };
    match verdict {
        Verdict::Done(result) => {
            tracing::debug!("job done");
            Outcome::Succeeded((!result.is_null()).then(|| result.to_string()))
        }
        _ if cancelled => {
            tracing::info!("job cancelled");
            Outcome::Cancelled
        }
        Verdict::Snooze(until) => {
            tracing::debug!(%until, "job snoozes");
            Outcome::Requeued {
                run_at: until,
                counted: false,
                error: None,
                told: None,
            }
        }
        Verdict::Wait { until, forecast } => {
            tracing::debug!(%until, %forecast, "job waits");
            Outcome::Requeued {
                run_at: until,
                counted: false,
                error: None,
                told: Some(forecast.to_string()),
            }
        }
        Verdict::Retry { error, after } if job.attempt < job.max_attempts => {
            let wait = after.unwrap_or_else(|| delay(kind.backoff, job.attempt, job.id));
            tracing::info!(
                code = error.code,
                wait_ms = wait.as_millis(),
                "job will be tried again"
            );
            let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
            Outcome::Requeued {
                run_at: now + wait,
                counted: true,
                error: Some(error),
                told: None,
            }
        }
        Verdict::Retry { error, .. } | Verdict::Fail(error) => fail(error),
    }
}

fn fail(error: JobError) -> Outcome {
    tracing::warn!(code = error.code, message = error.message, "job failed");
    Outcome::Failed(error)
}
