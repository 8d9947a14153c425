//! Webhooks in: believed by their signature, committed before they are answered, handled by a job.
//!
//! Needs: no delivery that was answered 202 is lost, whatever dies; none acts twice; an answer takes
//! about as long as a commit; what a provider sends at full speed costs the database little.
//! Properties: nothing is read of a body before its signature holds, and no more than storing needs
//! before it is stored ([`verify`], [`keep`]). Deliveries of one moment are committed together
//! ([`Inbox`]), each with its job in the same statement. What comes again is found by the unique
//! indexes and answered as `duplicate`, after the first one's commit.
//! Races, by name:
//! - *The same delivery at two processes*: the second insert waits for the first one's commit and then
//!   finds it.
//! - *A commit whose answer was lost*: the batch is sent again, and finds its own rows.
//! - *A secret that was just rotated elsewhere*: a process remembers secrets for some seconds; where
//!   none of them fits, they are read again.
//! - *A storm at a process that has just started*: one delivery looks up what many of them need.
//! - *A kill between commit and answer*: the provider sends again or not; it is stored once.
//!
//! What was sent and never arrived is found at the provider: [`recover()`] for Apps, [`look`] for hooks of
//! repositories, whose module says when.

mod handle;
mod hook_lists;
mod hook_visit;
mod inbox;
mod missing;
mod owed;
mod presence;
mod receive;
mod recover;
mod register;
mod removal;
mod secret;
mod source;
mod sources;

pub use handle::{get, list, open, reach, redeliver};
pub use hook_lists::{HookLook, job as hook_look_job, look, sweep_job as hook_sweep_job};
pub use inbox::Inbox;
pub use owed::Owed;
pub use presence::{appear, stay};
pub use receive::{Received, Refused, Verified, keep, verify};
pub use recover::{AppSource, Look, app_source, recover};
pub use register::{
    Registration, forget, job as registration_job, job_where_registered, note, registration,
};
pub(crate) use removal::{bequeath as bequeath_removals, prepare as prepare_removal};
pub use removal::{forget_removal, remove};
pub use secret::{NewWebhook, State, create, delete, state};
pub use source::{Source, of_app, of_connection};
pub use sources::{Found, Sources};

use crate::clock::Clock;
use crate::queue::Doorbell;
use crate::store::Db;
pub use crate::store::webhook_deliveries::DeliveryFilter;

/// What takes deliveries in a process. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    /// Keeps them.
    pub inbox: Inbox,
    /// Remembers what they are verified with.
    pub sources: Sources,
    /// Remembers what was refused.
    pub owed: Owed,
}

impl Intake {
    /// Starts its tasks in the present runtime.
    #[must_use]
    pub fn start(db: &Db, clock: &Clock, doorbell: &Doorbell) -> Self {
        let owed = Owed::new(db, clock, doorbell);
        Self {
            inbox: Inbox::start(db, clock, doorbell, &owed),
            sources: Sources::default(),
            owed,
        }
    }
}
