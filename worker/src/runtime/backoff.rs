//! How long a failed attempt waits.

use std::time::Duration;

use shared::domain::ids::JobId;
use shared::queue::Backoff;

/// The wait after attempt `attempt` (from 1). Its spread comes from the job's id, whose last 62 bits
/// are random: jobs that failed together do not come back together, and a test gets the same each
/// time.
pub(crate) fn delay(backoff: Backoff, attempt: i16, id: JobId) -> Duration {
    let doublings = u32::from(attempt.max(1).unsigned_abs() - 1).min(30);
    let whole = backoff
        .first
        .saturating_mul(1 << doublings)
        .min(backoff.most);
    let (_, random) = id.0.as_u64_pair();
    let mixed = (random ^ u64::from(doublings)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    whole.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(2),
        most: Duration::from_secs(900),
    };

    fn id(n: u128) -> JobId {
        JobId(uuid::Uuid::from_u128(
            0x7000_8000_0000_0000_0000 + n * 0x1234_5678_9abc,
        ))
    }

    #[test]
    fn it_doubles_between_half_and_whole_up_to_the_most() {
        for n in 0..100 {
            for (attempt, whole) in [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (99, 900)] {
                let delay = delay(BACKOFF, attempt, id(n)).as_secs_f64();
                let whole = f64::from(whole);
                assert!(delay >= whole / 2.0 && delay <= whole, "{attempt}: {delay}");
            }
        }
    }

    #[test]
    fn jobs_that_failed_together_are_spread() {
        let delays: std::collections::HashSet<_> = (0..100)
            .map(|n| delay(BACKOFF, 3, id(n)).as_millis())
            .collect();
        assert!(delays.len() > 90, "{}", delays.len());
    }
}
