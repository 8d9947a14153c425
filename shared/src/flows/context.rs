//! What every flow may use: the parts of the house, passed on as one parameter.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::providers::Providers;
use crate::queue::Doorbell;
use crate::store::Db;
use crate::vault::Vault;

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
}

/// How long things are kept that nobody needs for ever; what the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Jobs that succeeded or were cancelled, after their end (`MOORING_JOB_RETENTION`).
    pub jobs: TimeDelta,
    /// Jobs that failed, after their end (`MOORING_FAILED_JOB_RETENTION`).
    pub failed_jobs: TimeDelta,
}
