//! What happened, line by line, with the time each step took.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Tells steps as they end.
pub struct Story {
    began: Instant,
    last: Instant,
}

impl Story {
    /// Time runs from here.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
        }
    }

    /// A step has ended: what it was, and how long since the one before.
    pub fn tell(&mut self, what: impl Display) {
        let now = Instant::now();
        println!("{:>9}  {what}", shown(now - self.last));
        self.last = now;
    }

    /// How long it took in all.
    pub fn total(&self) -> String {
        shown(self.began.elapsed())
    }
}

fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds < 10_000 {
        format!("{milliseconds} ms")
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
