//! What every flow may use: the parts of the house, passed on as one parameter.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::domain::registration::PlatformApps;
use crate::flows::repositories::Listings;
use crate::flows::webhooks::Intake;
use crate::limits::Limits;
use crate::providers::Providers;
use crate::queue::Doorbell;
use crate::session::MintedTokens;
use crate::session::refresh::Ledger;
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
    /// The platform's own registrations at the providers.
    pub apps: Arc<PlatformApps>,
    /// When and under what lease tokens are refreshed.
    pub refresh: RefreshSettings,
    /// What comes by the clock for every connection.
    pub turns: TurnSettings,
    /// What people pick from, as last seen.
    pub listings: Arc<Listings>,
    /// Takes renewals and stores new pairs, those of one moment together.
    pub renewals: Ledger,
    /// Renewals under way, which outlive whoever wanted them; a process waits for them at its end.
    pub under_way: TaskTracker,
    /// What providers let us do.
    pub limits: Limits,
    /// Tokens of installations of GitHub Apps, in this process.
    pub minted: MintedTokens,
    /// Takes deliveries of webhooks.
    pub intake: Intake,
}

/// When and under what lease tokens are refreshed; what the operator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshSettings {
    /// So long before the end of a token (`MOORING_REFRESH_BUFFER`), but never earlier than a third
    /// of its lifetime before.
    pub buffer: TimeDelta,
    /// A refresh whose holder died is taken over after this (`MOORING_JOB_LEASE`).
    pub lease: Duration,
    /// A provider that has not answered after this has given no answer; at least the limit of one
    /// outgoing call. Nobody takes a renewal over before it.
    pub deadline: Duration,
    /// After a call that ended without an answer the host may still be committing: its token is not
    /// presented again before this.
    pub quarantine: Duration,
    /// This process, as it shows in the attempts (`host/pid`).
    pub holder: Arc<str>,
}

/// How often every active connection has its turn; what the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnSettings {
    /// To be synced (`MOORING_SYNC_INTERVAL`).
    pub sync: TimeDelta,
    /// To be validated (`MOORING_VALIDATION_INTERVAL`).
    pub validation: TimeDelta,
}

/// How long things are kept that nobody needs for ever; what the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Jobs that succeeded or were cancelled, after their end (`MOORING_JOB_RETENTION`).
    pub jobs: TimeDelta,
    /// Jobs that failed, after their end (`MOORING_FAILED_JOB_RETENTION`).
    pub failed_jobs: TimeDelta,
    /// Deliveries of webhooks, after they came (`MOORING_DELIVERY_RETENTION`).
    pub deliveries: TimeDelta,
}
