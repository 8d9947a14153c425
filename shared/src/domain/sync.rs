//! Runs of the repository sync.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ids::{ConnectionId, JobId, SyncRunId};
use super::text_enum::text_enum;

text_enum! {
    /// Why a sync runs.
    pub enum SyncTrigger {
        /// The connection was just made.
        Created = "created",
        /// Somebody asked.
        Manual = "manual",
        /// Its time had come.
        Scheduled = "scheduled",
        /// A webhook asked.
        Webhook = "webhook",
        /// The connection was healed.
        Reconnected = "reconnected",
    }
}

text_enum! {
    /// Where a run stands.
    pub enum SyncStatus {
        /// Under way, or waiting to go on from its cursor.
        Running = "running",
        /// Ended; see `complete`.
        Succeeded = "succeeded",
        /// Gave up.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Why a listing was not complete. An incomplete listing removes nothing.
    pub enum IncompleteReason {
        /// A page could not be had.
        PageFailed = "page_failed",
        /// The provider left out organizations behind single sign-on.
        SsoPartialResults = "sso_partial_results",
        /// The rate budget ended.
        Budget = "budget",
        /// Somebody ended the run.
        Cancelled = "cancelled",
    }
}

/// A run of the repository sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SyncRun {
    /// Its id.
    pub id: SyncRunId,
    /// The connection.
    pub connection_id: ConnectionId,
    /// The job that does it.
    pub job_id: Option<JobId>,
    /// Why it runs.
    pub trigger: SyncTrigger,
    /// Where it stands.
    pub status: SyncStatus,
    /// Repositories seen.
    pub found: i32,
    /// New ones, and ones that came back.
    pub added: i32,
    /// Changed ones.
    pub updated: i32,
    /// Ones no longer there.
    pub removed: i32,
    /// Whether every page was seen; only then is anything removed.
    pub complete: bool,
    /// Why not.
    pub incomplete_reason: Option<IncompleteReason>,
    /// Requests made to the provider.
    pub requests: i32,
    /// Of these, answered 304.
    pub not_modified: i32,
    /// A stable code where it failed.
    pub error_code: Option<String>,
    /// A sentence of ours where it failed.
    pub error_message: Option<String>,
    /// Start.
    pub started_at: DateTime<Utc>,
    /// End.
    pub finished_at: Option<DateTime<Utc>>,
}
