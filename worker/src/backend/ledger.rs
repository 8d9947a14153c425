//! What this process holds: the count of slots, and every job from its claim until the database has
//! its outcome.
//!
//! A job leaves in two steps: it *finishes* (its slot is free) and it is *settled* (its outcome is
//! committed). Between the two it is still ours in the database, so that reconciling with the rows
//! under our lease must not take it for a stray. The key is (id, fence): a job may be queued, and
//! claimed again by us, before its earlier claim is settled here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::domain::ids::OrganizationId;
use tokio::sync::Notify;
use uuid::Uuid;

use super::claimed::Claimed;
use super::running::{Reason, Running};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    /// The claimer is woken when the slots taken fall to this.
    wake_at: AtomicUsize,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<(Uuid, i32), Held>,
    slots: Slots,
}

#[derive(Debug)]
struct Held {
    running: Arc<Running>,
    long: bool,
    finished: bool,
}

/// Slots taken by jobs that are claimed and have not finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) taken: usize,
    pub(crate) long: usize,
    pub(crate) by_organization: HashMap<OrganizationId, usize>,
    /// Jobs not expected to be long that ran to their end since the start, and for how long in all.
    pub(crate) short_runs: u64,
    pub(crate) short_busy: Duration,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot for each.
    pub(crate) fn take(&self, claimed: &[Claimed]) {
        let mut inner = self.lock();
        for job in claimed {
            let long = job.lane.long;
            inner.slots.taken += 1;
            inner.slots.long += usize::from(long);
            *inner
                .slots
                .by_organization
                .entry(job.organization)
                .or_default() += 1;
            inner.held.insert(
                (job.id.0, job.running.fence),
                Held {
                    running: Arc::clone(&job.running),
                    long,
                    finished: false,
                },
            );
        }
    }

    /// Frees its slot. Finishing twice is finishing once.
    pub(crate) fn finish(&self, running: &Running) {
        let taken = self.lock().finish(running);
        if taken <= self.wake_at.load(Ordering::Relaxed) {
            self.freed.notify_one();
        }
    }

    /// Forgets jobs whose outcome is committed or no longer ours to give.
    pub(crate) fn settle<'a>(&self, jobs: impl IntoIterator<Item = &'a Running>) {
        let mut inner = self.lock();
        for job in jobs {
            inner.finish(job);
            inner.held.remove(&(job.id.0, job.fence));
        }
    }

    /// The slots as they are.
    pub(crate) fn slots(&self) -> Slots {
        self.lock().slots.clone()
    }

    /// Every job that stands under our lease in the database.
    pub(crate) fn held_ids(&self) -> Vec<Uuid> {
        self.lock().held.keys().map(|key| key.0).collect()
    }

    /// Every job that has not finished.
    pub(crate) fn unfinished(&self) -> Vec<Arc<Running>> {
        let inner = self.lock();
        inner
            .held
            .values()
            .filter(|held| !held.finished)
            .map(|held| Arc::clone(&held.running))
            .collect()
    }

    /// Ends every unfinished job early.
    pub(crate) fn end_all(&self, reason: Reason) {
        for running in self.unfinished() {
            running.end(reason);
        }
    }

    /// One claim.
    pub(crate) fn find(&self, id: Uuid, fence: i32) -> Option<Arc<Running>> {
        self.lock()
            .held
            .get(&(id, fence))
            .map(|held| Arc::clone(&held.running))
    }

    /// Waits until at most `taken` slots are taken; may wake early.
    pub(crate) async fn until_taken(&self, taken: usize) {
        self.wake_at.store(taken, Ordering::Relaxed);
        if self.lock().slots.taken > taken {
            self.freed.notified().await;
        }
    }

    /// Nobody waits for slots now.
    pub(crate) fn stop_waiting(&self) {
        self.wake_at.store(0, Ordering::Relaxed);
    }
}

impl Inner {
    fn finish(&mut self, running: &Running) -> usize {
        if let Some(held) = self.held.get_mut(&(running.id.0, running.fence))
            && !std::mem::replace(&mut held.finished, true)
        {
            let slots = &mut self.slots;
            slots.taken -= 1;
            if held.long {
                slots.long -= 1;
            } else if let Some(age) = running.age() {
                slots.short_runs += 1;
                slots.short_busy += age;
            }
            if let Some(count) = slots.by_organization.get_mut(&running.organization) {
                *count -= 1;
                if *count == 0 {
                    slots.by_organization.remove(&running.organization);
                }
            }
        }
        self.slots.taken
    }
}
