//! What the tasks of one engine share.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::task::AtomicWaker;
use shared::clock::Clock;
use shared::queue::Lane;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::claimed::{Claimed, Ended, Note, Outcome};
use super::ledger::Ledger;
use super::link::Link;
use super::running::Running;
use super::survey::Surveyed;
use super::tenure::Tenure;

/// What the claimer is told.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Something was committed in these lanes.
    Ring(Vec<Lane>),
    /// A job of ours was queued again.
    Due(Lane, DateTime<Utc>),
    /// A job ended that had a place within its connection's limit.
    Unblocked(Lane),
    /// Every lane there is.
    Survey(Surveyed),
    /// Rows may stand under our lease that nobody holds.
    Doubt,
}

/// Shared by the tasks of one engine. It outlives the apalis workers, so that a restarted one gets
/// a thin handle to what is already claimed.
pub(crate) struct Core {
    pub(crate) connect: PgConnectOptions,
    pub(crate) clock: Clock,
    pub(crate) worker: String,
    pub(crate) concurrency: usize,
    pub(crate) tenure: Tenure,
    pub(crate) ledger: Ledger,
    /// Begins the end: nothing is claimed or started any more.
    pub(crate) stopping: CancellationToken,
    /// Asks for a survey now.
    pub(crate) look: Notify,
    notes: mpsc::UnboundedSender<Note>,
    signals: Mutex<Vec<Signal>>,
    signalled: Notify,
    rings: AtomicU64,
    ready: Mutex<VecDeque<(Instant, Claimed)>>,
    started: AtomicUsize,
    consumer: AtomicWaker,
}

/// Without how to log in to the database, whose password the driver would print.
impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("worker", &self.worker)
            .field("concurrency", &self.concurrency)
            .field("tenure", &self.tenure)
            .field("slots", &self.ledger.slots())
            .finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(
        connect: PgConnectOptions,
        clock: Clock,
        worker: String,
        concurrency: usize,
        lease: Duration,
    ) -> (Self, mpsc::UnboundedReceiver<Note>) {
        let (notes, told) = mpsc::unbounded_channel();
        let core = Self {
            connect,
            clock,
            worker,
            concurrency,
            tenure: Tenure::new(lease),
            ledger: Ledger::default(),
            stopping: CancellationToken::new(),
            look: Notify::new(),
            notes,
            signals: Mutex::default(),
            signalled: Notify::new(),
            rings: AtomicU64::new(0),
            ready: Mutex::default(),
            started: AtomicUsize::new(0),
            consumer: AtomicWaker::new(),
        };
        (core, told)
    }

    pub(crate) fn link(&self, what: &'static str) -> Link {
        Link::new(&self.connect, what)
    }

    /// No statement may take longer than this: less than what a heartbeat may miss.
    pub(crate) fn deadline(&self) -> Duration {
        (self.tenure.length() / 2).clamp(Duration::from_millis(500), Duration::from_secs(10))
    }

    // ── the claimer's letter box ──

    pub(crate) fn signal(&self, signal: Signal) {
        if !matches!(signal, Signal::Survey(_)) {
            self.rings.fetch_add(1, Ordering::AcqRel);
        }
        self.signals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(signal);
        self.signalled.notify_one();
    }

    /// How many letters there were, surveys aside: a survey that began before one does not speak of
    /// what it tells.
    pub(crate) fn rings(&self) -> u64 {
        self.rings.load(Ordering::Acquire)
    }

    pub(crate) fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut *self.signals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn signalled(&self) {
        self.signalled.notified().await;
    }

    // ── from the claimer to apalis ──

    /// Hands claimed jobs to the worker.
    pub(crate) fn offer(&self, claimed: Vec<Claimed>) {
        self.ledger.take(&claimed);
        let now = Instant::now();
        self.ready()
            .extend(claimed.into_iter().map(|job| (now, job)));
        self.consumer.wake();
    }

    /// The next job to start: there must be a free slot, and a lease that certainly stands.
    pub(crate) fn poll_start(&self, cx: &mut Context<'_>) -> Poll<Claimed> {
        self.consumer.register(cx.waker());
        if self.stopping.is_cancelled() || self.started.load(Ordering::Acquire) >= self.concurrency
        {
            return Poll::Pending;
        }
        let mut ready = self.ready();
        loop {
            if ready.is_empty() {
                return Poll::Pending;
            }
            let Some(lease) = self.tenure.current() else {
                return Poll::Pending;
            };
            let Some((_, job)) = ready.pop_front() else {
                return Poll::Pending;
            };
            if job.running.lease != lease {
                self.ledger.settle([&*job.running]);
            } else if job.running.token().is_cancelled() {
                self.tell(Note::Ended(Ended {
                    running: job.running,
                    lane: job.lane,
                    limited: job.limited,
                    outcome: Outcome::Cancelled,
                    progress: None,
                }));
            } else {
                self.started.fetch_add(1, Ordering::AcqRel);
                job.running.start();
                return Poll::Ready(job);
            }
        }
    }

    /// Lets the worker look again: the lease was renewed.
    pub(crate) fn wake_worker(&self) {
        self.consumer.wake();
    }

    /// What was claimed and not started.
    pub(crate) fn take_unstarted(&self) -> Vec<Claimed> {
        self.ready().drain(..).map(|(_, job)| job).collect()
    }

    /// Gives back what was claimed longer than `age` ago and not started; the attempt does not count.
    pub(crate) fn give_back(&self, age: Duration) {
        let stale: Vec<Claimed> = {
            let mut ready = self.ready();
            let stale = ready.partition_point(|(since, _)| since.elapsed() >= age);
            ready.drain(..stale).map(|(_, job)| job).collect()
        };
        for job in stale {
            self.tell(Note::Ended(Ended {
                outcome: Outcome::Requeued {
                    run_at: job.run_at,
                    counted: false,
                    error: None,
                    told: None,
                },
                running: job.running,
                lane: job.lane,
                limited: job.limited,
                progress: None,
            }));
        }
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<(Instant, Claimed)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ── from apalis to the acknowledger ──

    /// A started job ended. Returns at once.
    pub(crate) fn ended(&self, ended: Ended) {
        self.started.fetch_sub(1, Ordering::AcqRel);
        self.tell(Note::Ended(ended));
        self.consumer.wake();
    }

    pub(crate) fn progressed(
        &self,
        running: std::sync::Arc<Running>,
        progress: shared::domain::job::Progress,
    ) {
        self.tell(Note::Progress(running, progress));
    }

    pub(crate) fn tell(&self, note: Note) {
        if let Note::Ended(ended) = &note {
            self.ledger.finish(&ended.running);
        }
        // The acknowledger ends after everybody who could tell it something.
        let _ = self.notes.send(note);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::source::Source;
    use super::*;

    #[test]
    fn the_password_of_the_database_is_not_shown() {
        let connect = PgConnectOptions::new_without_pgpass().password("hush-hush");
        let (core, _notes) = Core::new(
            connect,
            Clock::system(),
            "host/1".to_owned(),
            4,
            Duration::from_secs(20),
        );
        let core = Arc::new(core);
        for shown in [
            format!("{core:?}"),
            format!("{:?}", Source::new(Arc::clone(&core))),
        ] {
            assert!(
                shown.contains("host/1") && !shown.contains("hush"),
                "{shown}"
            );
        }
    }
}
