//! When a token makes its successor, and for how long: pure.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// At the latest so long before its end.
const LATEST: TimeDelta = TimeDelta::days(7);
/// No successor lives longer.
const LONGEST_DAYS: i64 = 365;

/// When a token that was obtained and ends then is to make its successor: when a third of its life is
/// left, at the latest a week before the end, but never in the first half of its life, so that a
/// short one does not do so for ever. (The sweep's statement says the same.)
#[must_use]
pub fn due(obtained_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
    let life = (expires_at - obtained_at).max(TimeDelta::zero());
    expires_at - (life / 3).max(LATEST.min(life / 2))
}

/// The date on which the successor of a token of such a life ends: as far from today as the old one
/// was from its beginning, a year at most, and not before the day after tomorrow.
pub(super) fn successor_end(
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> NaiveDate {
    let hours = (expires_at - created_at).num_hours();
    // GitLab's ends are dates, so a life is rounded to days.
    let days = ((hours + 12) / 24).clamp(2, LONGEST_DAYS);
    (now + TimeDelta::days(days)).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_its_life_before_the_end_and_a_week_at_the_latest() {
        let start = DateTime::UNIX_EPOCH;
        for (life, left) in [
            (365, 121),
            (90, 30),
            (21, 7),
            (14, 7),
            (15, 7),
            (6, 3),
            (2, 1),
        ] {
            let end = start + TimeDelta::days(life);
            assert_eq!((end - due(start, end)).num_days(), left, "{life}");
        }
    }

    #[test]
    fn a_successor_lives_as_long_and_a_year_at_most() {
        let start = DateTime::UNIX_EPOCH;
        for (life, expected) in [(90, 90), (400, 365), (1, 2)] {
            let end = start + TimeDelta::days(life);
            let days = successor_end(start, end, start) - start.date_naive();
            assert_eq!(days.num_days(), expected);
        }
    }
}
