//! A caller's own limit: a token bucket each for reading and changing calls, in this process.
//!
//! It stops a loop that has run away before it takes the database from everybody else. Budgets
//! that must hold across processes (providers' windows) are kept elsewhere.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::state::Rate;

const SHARDS: usize = 16;
/// Buckets per shard that make it worth looking for full ones to drop.
const CROWDED: usize = 4096;

/// The buckets of all callers.
pub(crate) struct Throttle {
    reads: Rate,
    changes: Rate,
    hasher: RandomState,
    shards: [Mutex<HashMap<(Uuid, bool), Bucket>>; SHARDS],
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(reads: Rate, changes: Rate) -> Self {
        Self {
            reads,
            changes,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Takes one call from a caller's bucket; how long to wait where it is empty.
    pub(crate) fn take(&self, caller: Uuid, changes: bool, now: Instant) -> Result<(), Duration> {
        let rate = if changes { self.changes } else { self.reads };
        let shard = usize::try_from(self.hasher.hash_one(caller)).unwrap_or(0) % SHARDS;
        let mut buckets = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > CROWDED {
            let (reads, writes) = (self.reads, self.changes);
            buckets.retain(|(_, changes), bucket| {
                let rate = if *changes { writes } else { reads };
                filled(*bucket, rate, now) < rate.burst
            });
        }
        let bucket = buckets.entry((caller, changes)).or_insert(Bucket {
            left: rate.burst,
            at: now,
        });
        let left = filled(*bucket, rate, now);
        bucket.at = now;
        if left >= 1.0 {
            bucket.left = left - 1.0;
            return Ok(());
        }
        bucket.left = left;
        let seconds = (1.0 - left) / rate.per_second;
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(60)))
    }
}

fn filled(bucket: Bucket, rate: Rate, now: Instant) -> f64 {
    let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
    (bucket.left + passed * rate.per_second).min(rate.burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let rate = Rate {
            per_second: 10.0,
            burst: 3.0,
        };
        let throttle = Throttle::new(rate, rate);
        let (caller, start) = (Uuid::nil(), Instant::now());
        for _ in 0..3 {
            assert!(throttle.take(caller, false, start).is_ok());
        }
        let wait = throttle.take(caller, false, start).unwrap_err();
        assert!(wait <= Duration::from_millis(101) && wait >= Duration::from_millis(99));
        assert!(throttle.take(caller, true, start).is_ok());
        assert!(throttle.take(Uuid::max(), false, start).is_ok());
        let later = start + Duration::from_millis(150);
        assert!(throttle.take(caller, false, later).is_ok());
        assert!(throttle.take(caller, false, later).is_err());
    }
}
