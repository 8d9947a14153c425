//! The hold of this process on one job: what fences it, what ends it early, how far it is.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::Progress;
use tokio_util::sync::CancellationToken;

/// Progress is written at most this often per job.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Why a running job is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Cancelled,
    /// The lease is lost: another worker may run it already, and nothing we say counts.
    LeaseLost,
    /// The process ends and the grace is over.
    Shutdown,
}

/// A claimed job's hold.
#[derive(Debug)]
pub struct Running {
    /// The tenant.
    pub organization: OrganizationId,
    /// The job.
    pub id: JobId,
    /// Which claim of the job this is.
    pub fence: i32,
    /// The lease it is held under.
    pub lease: i64,
    token: CancellationToken,
    reason: AtomicU8,
    started: OnceLock<Instant>,
    progress: Mutex<Reported>,
}

#[derive(Debug, Default)]
struct Reported {
    waiting: Option<Progress>,
    written: Option<Instant>,
}

impl Running {
    pub(crate) fn new(organization: OrganizationId, id: JobId, fence: i32, lease: i64) -> Self {
        Self {
            organization,
            id,
            fence,
            lease,
            token: CancellationToken::new(),
            reason: AtomicU8::new(0),
            started: OnceLock::new(),
            progress: Mutex::default(),
        }
    }

    /// Fires when the job is to end early.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Why it is to end early; `None` while it is not.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self.reason.load(Ordering::Acquire) {
            1 => Some(Reason::Cancelled),
            2 => Some(Reason::LeaseLost),
            3 => Some(Reason::Shutdown),
            _ => None,
        }
    }

    /// Ends it early. The first reason stands.
    pub(crate) fn end(&self, reason: Reason) {
        let code = match reason {
            Reason::Cancelled => 1,
            Reason::LeaseLost => 2,
            Reason::Shutdown => 3,
        };
        let _ = self
            .reason
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.token.cancel();
    }

    /// Its handler is about to begin.
    pub(crate) fn start(&self) {
        let _ = self.started.set(Instant::now());
    }

    /// How long its handler has been at it; `None` where it has not begun.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.started.get().map(Instant::elapsed)
    }

    /// Takes note of how far it is; gives back what is to be written now, if anything.
    pub(crate) fn report(&self, progress: Progress, now: Instant) -> Option<Progress> {
        let mut reported = self.reported();
        reported.waiting = Some(progress);
        reported.due(now)
    }

    /// Progress that has waited long enough.
    pub(crate) fn due_progress(&self, now: Instant) -> Option<Progress> {
        self.reported().due(now)
    }

    /// Progress that was not written yet, at the end.
    pub(crate) fn last_progress(&self) -> Option<Progress> {
        self.reported().waiting.take()
    }

    fn reported(&self) -> std::sync::MutexGuard<'_, Reported> {
        self.progress
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Reported {
    fn due(&mut self, now: Instant) -> Option<Progress> {
        if self
            .written
            .is_some_and(|at| now.duration_since(at) < PROGRESS_EVERY)
        {
            return None;
        }
        let progress = self.waiting.take()?;
        self.written = Some(now);
        Some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: i64) -> Progress {
        Progress {
            done,
            total: None,
            unit: None,
        }
    }

    #[test]
    fn progress_is_let_through_once_a_second_and_the_last_is_kept() {
        let job = Running::new(OrganizationId::PLATFORM, JobId(uuid::Uuid::nil()), 1, 1);
        let start = Instant::now();
        assert_eq!(job.report(progress(1), start), Some(progress(1)));
        assert_eq!(
            job.report(progress(2), start + Duration::from_millis(400)),
            None
        );
        assert_eq!(
            job.report(progress(3), start + Duration::from_millis(800)),
            None
        );
        assert_eq!(
            job.due_progress(start + Duration::from_millis(1100)),
            Some(progress(3))
        );
        assert_eq!(
            job.report(progress(4), start + Duration::from_millis(1200)),
            None
        );
        assert_eq!(job.last_progress(), Some(progress(4)));
        assert_eq!(job.last_progress(), None);
    }

    #[test]
    fn the_first_reason_stands() {
        let job = Running::new(OrganizationId::PLATFORM, JobId(uuid::Uuid::nil()), 1, 1);
        job.end(Reason::LeaseLost);
        job.end(Reason::Cancelled);
        assert_eq!(job.reason(), Some(Reason::LeaseLost));
        assert!(job.token().is_cancelled());
    }
}
