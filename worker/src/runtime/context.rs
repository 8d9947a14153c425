//! What a handler is given beside its payload.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use shared::clock::Clock;
use shared::domain::actor::Actor;
use shared::domain::ids::{ConnectionId, JobId, OrganizationId, RepositoryId};
use shared::domain::job::Progress;
use tokio_util::sync::CancellationToken;

use crate::backend::core::Core;
use crate::backend::{Claimed, Reason, Running};

/// The job, as its handler sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobContext<C> {
    app: C,
    core: Arc<Core>,
    about: Arc<About>,
}

#[derive(Debug)]
struct About {
    connection: Option<ConnectionId>,
    repository: Option<RepositoryId>,
    requested_by: Option<Actor>,
    attempt: i16,
    max_attempts: i16,
    running: Arc<Running>,
}

impl<C> JobContext<C> {
    pub(crate) fn new(app: C, core: Arc<Core>, job: &Claimed) -> Self {
        let requested_by = job
            .requested_by
            .as_ref()
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        let about = About {
            connection: job.connection,
            repository: job.repository,
            requested_by,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            running: Arc::clone(&job.running),
        };
        Self {
            app,
            core,
            about: Arc::new(about),
        }
    }

    /// What the application gives to all its jobs.
    pub fn app(&self) -> &C {
        &self.app
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.about.running.id
    }

    /// Its tenant.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.about.running.organization
    }

    /// The connection it is about.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        self.about.connection
    }

    /// The repository it is about.
    #[must_use]
    pub fn repository(&self) -> Option<RepositoryId> {
        self.about.repository
    }

    /// Who asked for it; the system where nobody did.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.about
            .requested_by
            .clone()
            .unwrap_or_else(Actor::system)
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> i16 {
        self.about.attempt
    }

    /// Whether a retry would be a failure.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.about.attempt >= self.about.max_attempts
    }

    /// Which claim of the job this is: grows with each, and so tells an older run of the same job
    /// from this one where both might still write.
    #[must_use]
    pub fn fence(&self) -> i32 {
        self.about.running.fence
    }

    /// Calendar time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.core.clock.now()
    }

    /// The clock itself.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Fires when the job is to end early: somebody cancelled it, its lease is lost, or the process
    /// ends.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        self.about.running.token()
    }

    /// Why it is to end early; `None` while it is not.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.about.running.reason()
    }

    /// Tells how far the job is. Cheap at any rate: at most one in a second is written, and the last
    /// one with the outcome.
    pub fn report(&self, progress: Progress) {
        if let Some(progress) = self.about.running.report(progress, Instant::now()) {
            self.core
                .progressed(Arc::clone(&self.about.running), progress);
        }
    }
}
