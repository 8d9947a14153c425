//! Jobs as shown: queue entry and record in one.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::actor::Actor;
use super::ids::{ConnectionId, JobId, OrganizationId, RepositoryId};
use super::text_enum::text_enum;

text_enum! {
    /// Where a job stands. Stored as its [`code`](JobStatus::code).
    pub enum JobStatus {
        /// Waits for its time or a slot.
        Queued = "queued",
        /// A worker holds it.
        Running = "running",
        /// Done.
        Succeeded = "succeeded",
        /// Gave up.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// The number stored in `jobs.status`.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Queued => 0,
            Self::Running => 1,
            Self::Succeeded => 2,
            Self::Failed => 3,
            Self::Cancelled => 4,
        }
    }

    /// The status of a stored number.
    #[must_use]
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Queued),
            1 => Some(Self::Running),
            2 => Some(Self::Succeeded),
            3 => Some(Self::Failed),
            4 => Some(Self::Cancelled),
            _ => None,
        }
    }
}

text_enum! {
    /// Which jobs go first within one organization and connection.
    pub enum Priority {
        /// Somebody waits for it.
        Interactive = "interactive",
        /// A provider told us of a change.
        Webhook = "webhook",
        /// A token's life depends on it.
        Lifecycle = "lifecycle",
        /// Listing repositories.
        Sync = "sync",
        /// Housekeeping.
        Sweep = "sweep",
    }
}

impl Priority {
    /// The number stored in `jobs.priority`: lower goes first.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Interactive => 0,
            Self::Webhook => 1,
            Self::Lifecycle => 2,
            Self::Sync => 3,
            Self::Sweep => 4,
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Progress {
    /// Units done.
    pub done: i64,
    /// Units in all, where known.
    pub total: Option<i64>,
    /// What is counted, plural: `repositories`.
    pub unit: Option<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct JobError {
    /// A stable code.
    pub code: String,
    /// A sentence of ours that says what to do.
    pub message: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant; `null` for the platform.
    pub organization_id: Option<OrganizationId>,
    /// What it does: the name of its file.
    pub kind: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Attempts begun.
    pub attempt: i16,
    /// Attempts at most.
    pub max_attempts: i16,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What came of it.
    pub result: Option<serde_json::Value>,
    /// Why it failed, or why its last attempt did.
    pub error: Option<JobError>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who asked.
    pub requested_by: Option<Actor>,
    /// The connection it is about.
    pub connection_id: Option<ConnectionId>,
    /// The repository it is about.
    pub repository_id: Option<RepositoryId>,
}
