//! Time as a parameter.
//!
//! Needs: expiry, schedules and back-off must be testable without waiting, so nothing outside this
//! file reads the wall clock (`clippy.toml` keeps it so). Two readings exist and are not mixed:
//! *calendar time* from a [`Clock`] (`expires_at`, `next_refresh_at`, `run_at`, every timestamp
//! that is shown), which a test may move; and *the database's clock* (`clock_timestamp()` in SQL)
//! for leases, which no test moves, because a lease guards against real processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where calendar time comes from. Cheap to clone; clones of a movable clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_micros: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self {
            offset_micros: None,
        }
    }

    /// A clock that starts at the machine's time, runs with it, and can be moved forward.
    #[must_use]
    pub fn movable() -> Self {
        Self {
            offset_micros: Some(Arc::new(AtomicI64::new(0))),
        }
    }

    /// The time now, in whole microseconds: what Postgres stores is what was read.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let machine = machine_time();
        let moved = match &self.offset_micros {
            None => machine,
            Some(offset) => machine + TimeDelta::microseconds(offset.load(Ordering::SeqCst)),
        };
        DateTime::from_timestamp_micros(moved.timestamp_micros()).unwrap_or(moved)
    }

    /// Moves a movable clock by `delta` (negative moves it back); without effect on the machine's.
    pub fn advance(&self, delta: TimeDelta) {
        if let Some(offset) = &self.offset_micros {
            offset.fetch_add(delta.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
fn machine_time() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = Clock::movable();
        let other = clock.clone();
        let before = other.now();
        clock.advance(TimeDelta::hours(9));
        assert!(other.now() - before >= TimeDelta::hours(9));
    }

    #[test]
    fn the_machines_clock_does_not_move() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(TimeDelta::hours(9));
        assert!(clock.now() - before < TimeDelta::hours(1));
    }
}
