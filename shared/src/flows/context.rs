//! What every flow may use: the parts of the house, passed on as one parameter.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;
use crate::domain::registration::PlatformApps;
use crate::providers::Providers;
use crate::queue::Doorbell;
use crate::session::MintedTokens;
use crate::store::Db;
use crate::vault::{Vault, random};

/// The parts that flows, sessions and jobs work with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub db: Db,
    /// Sealing and opening.
    pub vault: Vault,
    /// Calendar time.
    pub clock: Clock,
    /// The adapters.
    pub providers: Arc<Providers>,
    /// Wakes workers after a commit.
    pub doorbell: Doorbell,
    /// How long things are kept.
    pub retention: Retention,
    /// The platform's own registrations at the providers.
    pub apps: Arc<PlatformApps>,
    /// When and under what lease tokens are refreshed.
    pub refresh: RefreshTimes,
    /// Tokens of installations of GitHub Apps, in this process.
    pub minted: MintedTokens,
}

/// When and under what lease tokens are refreshed; what the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshTimes {
    /// So long before the end of a token (`MOORING_REFRESH_BUFFER`), but never earlier than a third
    /// of its lifetime before.
    pub buffer: TimeDelta,
    /// A refresh whose holder died is taken over after this (`MOORING_JOB_LEASE`).
    pub lease: Duration,
}

impl RefreshTimes {
    /// When a token that was obtained now and ends then is to be refreshed: the buffer before its
    /// end, or a third of its lifetime where that is less, and up to a tenth of that earlier, so
    /// that what was granted together is not refreshed together.
    #[must_use]
    pub fn due(&self, now: DateTime<Utc>, end: DateTime<Utc>) -> DateTime<Utc> {
        let lifetime = (end - now).max(TimeDelta::zero());
        let buffer = self.buffer.min(lifetime / 3);
        let tenth = Duration::try_from_secs_f64(buffer.as_seconds_f64() * 0.1 * random::fraction());
        let jitter = tenth.ok().and_then(|tenth| TimeDelta::from_std(tenth).ok());
        end - buffer - jitter.unwrap_or_default()
    }
}

/// How long things are kept that nobody needs for ever; what the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Jobs that succeeded or were cancelled, after their end (`MOORING_JOB_RETENTION`).
    pub jobs: TimeDelta,
    /// Jobs that failed, after their end (`MOORING_FAILED_JOB_RETENTION`).
    pub failed_jobs: TimeDelta,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_due_a_little_before_the_buffer() {
        let times = RefreshTimes {
            buffer: TimeDelta::minutes(10),
            lease: Duration::from_secs(60),
        };
        let now = DateTime::UNIX_EPOCH;
        for (lifetime, buffer) in [(120, 10), (8 * 60, 10), (15, 5), (30, 10), (0, 0), (-5, 0)] {
            let end = now + TimeDelta::minutes(lifetime);
            let buffer = TimeDelta::minutes(buffer);
            for _ in 0..50 {
                let due = times.due(now, end);
                assert!(due <= end - buffer, "{lifetime}");
                assert!(due >= end - buffer - buffer / 10, "{lifetime}");
            }
        }
    }
}
