//! How far ahead of free slots to claim: what ends within 50 ms at the present rate, so that a slot
//! never waits for a statement, and never so far that another worker would have been sooner.

use std::time::{Duration, Instant};

const AHEAD_SECONDS: f64 = 0.05;
const MOST_AHEAD: f64 = 2000.0;
const SAMPLE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<(u64, Instant)>,
    /// Short jobs ended per second, smoothed.
    rate: f64,
}

impl Pace {
    /// Jobs to hold beyond the slots; `finished` counts short jobs that ended since the start.
    pub(crate) fn ahead(&mut self, finished: u64, now: Instant) -> usize {
        match self.last {
            None => self.last = Some((finished, now)),
            Some((before, at)) if now.duration_since(at) >= SAMPLE => {
                let seconds = now.duration_since(at).as_secs_f64();
                let rate = finished.saturating_sub(before) as f64 / seconds;
                let weight = (seconds / 0.1).min(1.0);
                self.rate += (rate - self.rate) * weight;
                self.last = Some((finished, now));
            }
            Some(_) => {}
        }
        (self.rate * AHEAD_SECONDS).min(MOST_AHEAD) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_rate_up_and_down() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut ahead = 0;
        for step in 0..50_u32 {
            ahead = pace.ahead(u64::from(step) * 1000, start + Duration::from_millis(50) * step);
        }
        assert!((900..=1000).contains(&ahead), "{ahead}");
        for step in 50..100_u32 {
            ahead = pace.ahead(49_000, start + Duration::from_millis(50) * step);
        }
        assert_eq!(ahead, 0);
    }
}
