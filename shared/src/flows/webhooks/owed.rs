//! Deliveries that we answered with a failure of ours, and what is owed for them.
//!
//! Most providers do not send again. So whoever was refused is remembered here, and written down as soon
//! as the database takes anything: a mark on the source of a registered hook, whose list is looked through
//! then, and a sync where the delivery was known to be true.
//! Costs: no write per request. A source is written down at most once a minute; where the delivery could
//! not be verified, and may have been anybody's, at most once an hour, so that nobody without a secret can
//! spend a provider's quota.
//! Races, by name:
//! - *This process dies with what it owes*: where it was the only one that served, or the database was
//!   away, the time until somebody serves again is an absence ([`presence`](super::presence)).
//! - *More are owed than are remembered*: the time since the first one is an absence, too.
//! - *A look is under way*: the mark is newer than the one it was asked for by, and stands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::hook_lists;
use crate::clock::Clock;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::sync::SyncTrigger;
use crate::queue::catalogue::SyncConnection;
use crate::queue::{Doorbell, NewJob, enqueue};
use crate::store::{Db, StoreError, sweeps};

/// Distance of two marks of one source.
const VERIFIED: TimeDelta = TimeDelta::minutes(1);
/// The same where nobody knows who sent.
const UNVERIFIED: TimeDelta = TimeDelta::hours(1);
/// Connections that are remembered.
const MOST: usize = 10_000;

/// What is owed. Cheap to clone.
#[derive(Clone)]
pub struct Owed {
    book: Arc<Mutex<Book>>,
    db: Db,
    clock: Clock,
    doorbell: Doorbell,
}

#[derive(Default)]
struct Book {
    debts: HashMap<ConnectionId, Debt>,
    /// When each was written down last, within an hour.
    paid: HashMap<ConnectionId, DateTime<Utc>>,
    /// More were refused than are remembered, from then on.
    more_since: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug)]
struct Debt {
    since: DateTime<Utc>,
    /// Whose it is, where the delivery was verified.
    organization: Option<OrganizationId>,
}

impl Book {
    fn owe(&mut self, connection: ConnectionId, debt: Debt) {
        if self.debts.len() >= MOST && !self.debts.contains_key(&connection) {
            self.more_since = Some(self.more_since.map_or(debt.since, |at| at.min(debt.since)));
            return;
        }
        let known = self.debts.entry(connection).or_insert(debt);
        known.since = known.since.min(debt.since);
        known.organization = known.organization.or(debt.organization);
    }

    /// Takes out what may be written down now.
    fn due(&mut self, now: DateTime<Utc>) -> Vec<(ConnectionId, Debt)> {
        self.paid.retain(|_, at| now - *at < UNVERIFIED);
        let paid = &self.paid;
        let is_due = |id: &ConnectionId, debt: &Debt| {
            let distance = match debt.organization {
                Some(_) => VERIFIED,
                None => UNVERIFIED,
            };
            paid.get(id).is_none_or(|at| now - *at >= distance)
        };
        self.debts.extract_if(|id, debt| is_due(id, debt)).collect()
    }
}

impl Owed {
    pub(super) fn new(db: &Db, clock: &Clock, doorbell: &Doorbell) -> Self {
        Self {
            book: Arc::default(),
            db: db.clone(),
            clock: clock.clone(),
            doorbell: doorbell.clone(),
        }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A delivery to a connection, whose signature held, was refused.
    pub(super) fn verified(&self, organization: OrganizationId, connection: ConnectionId) {
        let debt = Debt {
            since: self.clock.now(),
            organization: Some(organization),
        };
        self.book().owe(connection, debt);
    }

    /// What somebody sent to a connection was answered with a failure of ours.
    pub fn unverified(&self, connection: ConnectionId) {
        let debt = Debt {
            since: self.clock.now(),
            organization: None,
        };
        self.book().owe(connection, debt);
    }

    /// Writes down what is owed, as far as it may be. Where the database does not take it, it waits.
    pub async fn pay(&self) {
        let now = self.clock.now();
        let (due, more) = {
            let mut book = self.book();
            (book.due(now), book.more_since.take())
        };
        if due.is_empty() && more.is_none() {
            return;
        }
        if let Err(error) = self.write(&due, more, now).await {
            tracing::warn!(%error, "looks in place of refused deliveries wait");
            let mut book = self.book();
            for (connection, debt) in due {
                book.owe(connection, debt);
            }
            book.more_since = book.more_since.into_iter().chain(more).min();
            return;
        }
        let paid = due.into_iter().map(|(connection, _)| (connection, now));
        self.book().paid.extend(paid);
    }

    async fn write(
        &self,
        due: &[(ConnectionId, Debt)],
        more: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let refused: Vec<(ConnectionId, DateTime<Utc>)> =
            due.iter().map(|(id, debt)| (*id, debt.since)).collect();
        let mut tx = self.db.system().begin().await?;
        let mut jobs = Vec::new();
        for (organization, connection) in sweeps::mark_refused(&mut tx, &refused, now).await? {
            jobs.push(hook_lists::job(organization, connection, now));
        }
        let told = due
            .iter()
            .filter_map(|(id, debt)| Some((*id, debt.organization?)));
        for (connection_id, organization) in told {
            let payload = SyncConnection {
                connection_id,
                trigger: SyncTrigger::Webhook,
                full: false,
            };
            let job = NewJob::new(&payload, organization, now)
                .connection(connection_id)
                .dedupe_key(connection_id.to_string())
                .rerun_on_repeat(true);
            jobs.push(job);
        }
        if let Some(since) = more {
            sweeps::note_absence(&mut tx, since, now).await?;
            jobs.push(hook_lists::sweep_job(now));
        }
        let enqueued = enqueue(&mut tx, &jobs).await?;
        tx.commit().await.map_err(StoreError::from)?;
        self.doorbell.ring(enqueued.iter().map(|job| job.lane));
        Ok(())
    }
}
