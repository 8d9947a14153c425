//! What providers let us do, kept by all processes together.
//!
//! # Needs
//! A provider gives an account a window of requests, closes it for a while when it has had enough,
//! and bans an address that fails to authenticate too often. All of it is shared by things that know
//! nothing of each other: forty connections of one user, processes on several machines, a person who
//! waits and a sweep that does not care, one organization with three hundred dead tokens and all the
//! others on the same host.
//!
//! # Properties
//! 1. A window is used as its headers say, whoever used it: background work leaves the last of it to
//!    those who wait for an answer ([`CallClass`]), and nobody asks once it is closed.
//! 2. Of one account fewer than a hundred requests are in flight, over all processes.
//! 3. A host sees fewer failed authentications than it bans for ([`ALLOWANCE`]), over all processes;
//!    an organization has a fifth of that at most; credentials that were never proven leave the last
//!    of it to those that were.
//! 4. A dead credential is presented once: who asks at the same time waits for that answer.
//! 5. A token endpoint that wants a pause is left alone by everybody; so is one that refused our own
//!    client's secret, for that client.
//!
//! # Design
//! *Budgets* live in memory, where asking costs nothing, and are told to all others twice a second in
//! one statement for all accounts in use ([`budgets`]); a process that comes to an account reads
//! first. That is enough because every answer tells the whole truth of its window to whoever asked:
//! what others have not said yet is at most what they did within half a second, and the reserves are
//! larger. Where Redis is configured it carries them, else Postgres. Losing either loses nothing.
//!
//! *Failures* must be counted before they happen, since sixty questions at once may all fail. A
//! credential that has not been seen to work for some minutes is *tried*: a row is taken before its
//! question and ends with its answer ([`trials`]), and rows under way count as failures. That is one
//! statement under a lock of its host, always in Postgres. A credential that works is warm: its next
//! questions cost nothing.
//!
//! # Races, by name
//! - *Mass revocation*: tokens that were warm a moment ago fail without having been tried. They are
//!   counted as they fail and cold from then on; what is not counted beforehand is only what was in
//!   flight at that moment.
//! - *Newcomer*: a process that comes to an account that others use begins with a few requests, until
//!   they have heard of it and take less.
//! - *Several questions behind one*: some identities are asked for with two requests of which the
//!   first may be refused to a good credential. A later success of the same asker takes its failure
//!   back; another asker is not let in between.
//! - *Database away*: what needs a trial waits for it, and what is warm goes on.
//! - *Killed in the middle*: the job that is run again goes on with the trial of its dead run; others
//!   wait for the lease.

mod budgets;
mod endpoints;
mod meter;
mod redis;
mod share;
mod trials;
mod window;

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::meter::{CallClass, Meter};
use crate::domain::provider::Instance;
use crate::store::Db;

pub use endpoints::{Endpoint, REFUSED_CLIENT};
pub use redis::BudgetRedis;
pub use trials::{ALLOWANCE, Attempt, Pasted};

use budgets::Budgets;
use share::Share;
use trials::Trials;

/// The handle. Cheap to clone; its task ends with the last one.
#[derive(Clone)]
pub struct Limits {
    clock: Clock,
    budgets: Arc<Budgets>,
    trials: Trials,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limits")
    }
}

/// A stored credential that is to be presented.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its connection.
    pub connection: ConnectionId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where it is presented.
    pub instance: Instance,
    /// The account behind it, where it is known: the provider counts by accounts.
    pub account: Option<String>,
    /// Moves with every change of the secret.
    pub version: i64,
    /// Moves with every new grant or pasted token.
    pub generation: i64,
    /// It was taken within the last day.
    pub proven: bool,
    /// Who presents it, where it may be presented again by somebody who goes on with the same; else one
    /// opening of it.
    pub asker: Option<Uuid>,
    /// Somebody asks on purpose whether it still works, whatever was said a moment ago.
    pub insist: bool,
    /// It is a token that we mint ourselves and that is refused for being new: no failure of an
    /// authentication.
    pub minted: bool,
}

impl Limits {
    /// Starts its task in the present runtime. `holder` names this process among the others.
    #[must_use]
    pub fn start(db: &Db, clock: &Clock, holder: Arc<str>, redis: Option<BudgetRedis>) -> Self {
        let share = match redis {
            Some(redis) => Share::Redis(Box::new(redis)),
            None => Share::Postgres(db.clone()),
        };
        let budgets = Budgets::start(share, clock.clone(), holder);
        let trials = Trials::new(db.clone(), clock.clone());
        Self {
            clock: clock.clone(),
            budgets,
            trials,
        }
    }

    /// The meter of a stored credential, for one opening of it.
    #[must_use]
    pub fn meter(&self, subject: &Subject, class: CallClass) -> Arc<dyn Meter> {
        Arc::new(meter::Metered::new(self, subject, class))
    }

    /// A connection's credential was seen to work just now: it needs no trial for a while.
    pub fn proven(&self, connection: ConnectionId, generation: i64) {
        self.trials.warm(connection, generation);
    }

    /// Leave to present a credential that is stored nowhere yet: what somebody has pasted. Told by
    /// [`Attempt::ended`].
    ///
    /// # Errors
    /// [`Pasted`] where it is not to be presented.
    pub async fn unproven(
        &self,
        organization: OrganizationId,
        instance: &Instance,
    ) -> Result<Attempt, Pasted> {
        self.trials.pasted(organization, instance).await
    }
}
