//! A job that this process holds.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use shared::domain::ids::{ConnectionId, JobId, OrganizationId, RepositoryId};
use shared::domain::job::{JobError, Progress};
use shared::queue::Lane;

use super::running::Running;

/// A claimed job, as handed to apalis. The payload is raw: decoding is the handler's, so that a
/// payload that cannot be read ends its job and nothing else.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The job.
    pub id: JobId,
    /// Its tenant.
    pub organization: OrganizationId,
    /// What it is about.
    pub connection: Option<ConnectionId>,
    /// What it is about.
    pub repository: Option<RepositoryId>,
    /// What it does.
    pub kind: String,
    /// Where it waited.
    pub lane: Lane,
    /// Whether its connection has a limit for its kind.
    pub limited: bool,
    /// This attempt, from 1.
    pub attempt: i16,
    /// Attempts at most.
    pub max_attempts: i16,
    /// When it was due.
    pub run_at: DateTime<Utc>,
    /// What the handler decodes.
    pub payload: Box<RawValue>,
    /// Who asked, as stored.
    pub requested_by: Option<Box<RawValue>>,
    /// The hold on it.
    pub running: Arc<Running>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done; what to keep as its result, as JSON.
    Succeeded(Option<String>),
    /// To be queued again.
    Requeued {
        /// When it is due.
        run_at: DateTime<Utc>,
        /// Whether this attempt counts.
        counted: bool,
        /// Why.
        error: Option<JobError>,
        /// What is to be seen while it waits, as JSON.
        told: Option<String>,
    },
    /// Given up.
    Failed(JobError),
    /// Ended because somebody asked for it.
    Cancelled,
}

/// An outcome on its way to the database.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) running: Arc<Running>,
    pub(crate) lane: Lane,
    pub(crate) limited: bool,
    pub(crate) outcome: Outcome,
    /// The last progress, where it was not written yet.
    pub(crate) progress: Option<Progress>,
}

/// What the acknowledger is told.
#[derive(Debug)]
pub(crate) enum Note {
    Ended(Ended),
    Progress(Arc<Running>, Progress),
    /// Nothing more comes.
    Close,
}
