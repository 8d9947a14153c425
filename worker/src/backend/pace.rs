//! How far ahead of free slots to claim: what ends within 50 ms, so that a slot of jobs that take
//! no time never waits for a statement, and never so far that another worker would have been sooner.
//!
//! By the rate alone, twenty jobs of a second that end in one moment would look like a thousand in a
//! second; so it is bounded by what the slots can do at the jobs' mean length.

use std::time::{Duration, Instant};

const AHEAD_SECONDS: f64 = 0.05;
const MOST_AHEAD: f64 = 2000.0;
const SAMPLE: Duration = Duration::from_millis(20);
const MEMORY_SECONDS: f64 = 0.1;

#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<(u64, Duration, Instant)>,
    /// Short jobs ended per second, smoothed.
    rate: f64,
    /// Seconds they took, per second, smoothed.
    busy: f64,
}

impl Pace {
    /// Jobs to hold beyond the slots. `runs` and `busy` count what short jobs ran since the start.
    pub(crate) fn ahead(&mut self, runs: u64, busy: Duration, slots: usize, now: Instant) -> usize {
        match self.last {
            None => self.last = Some((runs, busy, now)),
            Some((runs_before, busy_before, at)) if now.duration_since(at) >= SAMPLE => {
                let seconds = now.duration_since(at).as_secs_f64();
                let weight = (seconds / MEMORY_SECONDS).min(1.0);
                let rate = runs.saturating_sub(runs_before) as f64 / seconds;
                self.rate += (rate - self.rate) * weight;
                let busy_now = busy.saturating_sub(busy_before).as_secs_f64() / seconds;
                self.busy += (busy_now - self.busy) * weight;
                self.last = Some((runs, busy, now));
            }
            Some(_) => {}
        }
        let by_rate = self.rate * AHEAD_SECONDS;
        let by_length = if self.busy > 0.0 {
            slots as f64 * AHEAD_SECONDS * self.rate / self.busy
        } else {
            by_rate
        };
        by_rate.min(by_length).min(MOST_AHEAD) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    #[test]
    fn it_follows_the_rate_up_and_down() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut ahead = 0;
        for step in 0..50_u32 {
            let busy = Duration::from_micros(10) * step * 1000;
            ahead = pace.ahead(u64::from(step) * 1000, busy, 64, start + STEP * step);
        }
        assert!((900..=1000).contains(&ahead), "{ahead}");
        let busy = Duration::from_micros(10) * 49_000;
        for step in 50..100_u32 {
            ahead = pace.ahead(49_000, busy, 64, start + STEP * step);
        }
        assert_eq!(ahead, 0);
    }

    #[test]
    fn a_burst_of_slow_jobs_is_no_reason_to_fetch_ahead() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.ahead(0, Duration::ZERO, 20, start);
        let ahead = pace.ahead(
            20,
            Duration::from_secs(20),
            20,
            start + Duration::from_millis(20),
        );
        assert_eq!(ahead, 1);
    }
}
