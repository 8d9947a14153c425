//! A job that is asked for.

use chrono::{DateTime, Utc};

use super::job::Job;
use crate::domain::actor::Actor;
use crate::domain::ids::{ConnectionId, JobId, OrganizationId, RepositoryId};
use crate::domain::job::Priority;
use crate::store::jobs_enqueue::NewRow;

/// A job to be enqueued. Made from a payload; the rest has defaults of its kind.
#[derive(Clone, Debug)]
pub struct NewJob(pub(super) NewRow);

impl NewJob {
    /// A job of `organization` ([`OrganizationId::PLATFORM`] for Mooring's own), due at `now`,
    /// which is also when it was asked for.
    #[must_use]
    pub fn new<J: Job>(payload: &J, organization: OrganizationId, now: DateTime<Utc>) -> Self {
        Self(NewRow {
            id: JobId::new(now),
            organization,
            connection: None,
            repository: None,
            kind: J::KIND,
            priority: J::PRIORITY,
            max_attempts: J::MAX_ATTEMPTS,
            connection_limit: J::PER_CONNECTION,
            long: J::EXPECTED_LONG,
            rerun_on_repeat: J::RERUN_ON_REPEAT,
            run_at: now,
            created_at: now,
            dedupe_key: None,
            payload: serde_json::to_string(payload)
                .expect("a payload holds ids, and ids have a JSON form"),
            requested_by: None,
        })
    }

    /// The connection it is about, whose limit for the kind then holds.
    #[must_use]
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.0.connection = Some(connection);
        self
    }

    /// The repository it is about.
    #[must_use]
    pub fn repository(mut self, repository: RepositoryId) -> Self {
        self.0.repository = Some(repository);
        self
    }

    /// Who asked for it.
    #[must_use]
    pub fn requested_by(mut self, actor: Actor) -> Self {
        self.0.requested_by = Some(actor);
        self
    }

    /// Not before this.
    #[must_use]
    pub fn run_at(mut self, at: DateTime<Utc>) -> Self {
        self.0.run_at = at;
        self
    }

    /// At most one job of this organization, kind and key waits or runs; asking again gives the
    /// standing one. At most 512 bytes.
    #[must_use]
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.0.dedupe_key = Some(key.into());
        self
    }

    /// Another priority than its kind's: somebody waits for what is usually a sweep's work.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.0.priority = priority;
        self
    }

    /// Whether this request, should one like it be running, must be followed by another run: yes
    /// where it tells of a change that the running one may have passed already; no where its caller
    /// only wants the answer.
    #[must_use]
    pub fn rerun_on_repeat(mut self, rerun: bool) -> Self {
        self.0.rerun_on_repeat = rerun;
        self
    }

    /// Its row, for a statement that writes many of its kind.
    pub(crate) fn row(&self) -> &NewRow {
        &self.0
    }

    /// When it is due.
    #[must_use]
    pub fn due_at(&self) -> DateTime<Utc> {
        self.0.run_at
    }

    /// The id it has unless it turns out to be a repeat.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.0.id
    }
}
