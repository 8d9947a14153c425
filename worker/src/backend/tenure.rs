//! Our lease as this process knows it.
//!
//! The lease's end is the database's to say; what we know without asking is how long ago we last
//! began a heartbeat that succeeded. Younger than the lease: nobody can have taken over. Older (the
//! process was stopped, the database is away): nothing may be started, until a heartbeat says that
//! the lease still stands.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Tenure {
    lease: Duration,
    start: Instant,
    /// 0: none.
    id: AtomicI64,
    /// When the last good heartbeat began, in microseconds since `start`.
    renewed: AtomicU64,
}

impl Tenure {
    pub(crate) fn new(lease: Duration) -> Self {
        Self {
            lease,
            start: Instant::now(),
            id: AtomicI64::new(0),
            renewed: AtomicU64::new(0),
        }
    }

    /// How long a lease lasts.
    pub(crate) fn length(&self) -> Duration {
        self.lease
    }

    /// The lease, if it certainly stands.
    pub(crate) fn current(&self) -> Option<i64> {
        let id = self.id.load(Ordering::Acquire);
        let renewed = Duration::from_micros(self.renewed.load(Ordering::Acquire));
        (id != 0 && self.start.elapsed() < renewed + self.lease).then_some(id)
    }

    /// The lease, whether or not it still stands.
    pub(crate) fn last(&self) -> Option<i64> {
        let id = self.id.load(Ordering::Acquire);
        (id != 0).then_some(id)
    }

    /// A heartbeat that began at `began` was good.
    pub(crate) fn renew(&self, id: i64, began: Instant) {
        let began = began.saturating_duration_since(self.start).as_micros();
        self.renewed
            .store(u64::try_from(began).unwrap_or(u64::MAX), Ordering::Release);
        self.id.store(id, Ordering::Release);
    }

    /// The lease is lost.
    pub(crate) fn lose(&self) {
        self.id.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_stands_as_long_as_its_last_good_heartbeat_is_young() {
        let tenure = Tenure::new(Duration::from_millis(40));
        assert_eq!(tenure.current(), None);
        tenure.renew(7, Instant::now());
        assert_eq!(tenure.current(), Some(7));
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(tenure.current(), None);
        assert_eq!(tenure.last(), Some(7));
        tenure.renew(7, Instant::now());
        assert_eq!(tenure.current(), Some(7));
        tenure.lose();
        assert_eq!(tenure.last(), None);
    }
}
