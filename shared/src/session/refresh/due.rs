//! When a token is renewed: pure.

use chrono::{DateTime, TimeDelta, Utc};

/// When to renew a token that ends at `expires_at`, as of `now`: `buffer` before its end, but never
/// more than a third of what is left of its life before it, and earlier by up to a tenth of that,
/// by `fraction` (0–1, drawn by the caller), so that what was granted together is not renewed
/// together.
#[must_use]
pub fn due(
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
    buffer: TimeDelta,
    fraction: f64,
) -> DateTime<Utc> {
    let life = (expires_at - now).max(TimeDelta::zero());
    let buffer = buffer.min(life / 3);
    let tenth = buffer.num_milliseconds() as f64 / 10.0;
    let jitter = TimeDelta::milliseconds((tenth * fraction.clamp(0.0, 1.0)) as i64);
    expires_at - buffer - jitter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_never_more_than_a_third_of_a_life() {
        let now = DateTime::UNIX_EPOCH;
        let minutes = TimeDelta::minutes;
        let at = |life, buffer| due(now + life, now, buffer, 0.0) - now;
        assert_eq!(at(minutes(120), minutes(10)), minutes(110));
        assert_eq!(at(minutes(6), minutes(10)), minutes(4));
        assert_eq!(at(minutes(-5), minutes(10)), minutes(-5));
        let earliest = due(now + minutes(120), now, minutes(10), 1.0) - now;
        assert_eq!(earliest, minutes(109));
    }
}
