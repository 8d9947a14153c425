//! When the end of a secret that only a person can replace is told of: pure.

use chrono::{DateTime, TimeDelta, Utc};

/// Days before the end at which it is warned of, each once (`next_warning` of the database says the
/// same).
const STEPS: [i16; 4] = [1, 7, 14, 30];
/// The last step: the end itself.
pub const ENDED: i16 = 0;

/// The step that is reached at `now`: so many days are left at most; `None` before the first.
#[must_use]
pub fn step(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<i16> {
    let left = ends_at - now;
    if left <= TimeDelta::zero() {
        return Some(ENDED);
    }
    let reached = |days: &i16| left <= TimeDelta::days(i64::from(*days));
    STEPS.into_iter().find(reached)
}

/// Days left, begun ones counted.
#[must_use]
pub fn days_left(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let seconds = (ends_at - now).max(TimeDelta::zero()).num_seconds();
    (seconds + 86_399) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_reached_when_so_many_days_are_left() {
        let now = DateTime::UNIX_EPOCH;
        let at = |hours: i64| step(now + TimeDelta::hours(hours), now);
        for (hours, expected) in [
            (721, None),
            (720, Some(30)),
            (337, Some(30)),
            (336, Some(14)),
            (168, Some(7)),
            (25, Some(7)),
            (24, Some(1)),
            (1, Some(1)),
            (0, Some(ENDED)),
            (-5, Some(ENDED)),
        ] {
            assert_eq!(at(hours), expected, "{hours}");
        }
        assert_eq!(
            days_left(now + TimeDelta::minutes(30 * 24 * 60 - 5), now),
            30
        );
        assert_eq!(days_left(now - TimeDelta::days(1), now), 0);
    }
}
