//! Our own backend for apalis, over the `jobs` table.
//!
//! Needs: a job that was committed runs, through kill -9 of any worker and restarts of the
//! database; no job waits behind another tenant's hundred thousand; a job's outcome is written once
//! by whoever holds it; the rate does not fall with the backlog; a worker idles for nothing.
//!
//! Properties: at least once (handlers are idempotent); attempts and outcomes told truthfully;
//! at most one holder per job by the database's word; limits per connection exact over all
//! processes.
//!
//! Design: apalis sees a receiver ([`source`]). Everything else is tasks with a connection of their
//! own, none of which depends on how busy the slots are, and no error of the database ever reaches
//! apalis:
//!
//! ```text
//!  doorbell ─▶ listen ─┐               ┌─▶ ready ─▶ source ─▶ apalis ─▶ handlers
//!  survey (1 s) ───────┴▶ claim ───────┘                                   │
//!  heartbeat: lease, cancellations, takeover        acknowledge ◀──────────┘
//! ```
//!
//! - *Lease*: one row per process ([`heartbeat`]); a job names the lease it is held under and counts
//!   its claims (`fence`). Outcomes are accepted from the current claim alone ([`acknowledge`]).
//! - *Lanes*: (organization, connection, priority, long), found through the bell and by hopping
//!   through the index ([`survey`]); there is no table of lanes, so producers have nothing to lock.
//!   Where each is read from is kept in memory ([`lanes`]).
//! - *Fairness* is decided per claim ([`plan`]); slots are counted here ([`ledger`]), since apalis
//!   does not tell them.
//! - *Time*: `run_at` is compared with the clock parameter; leases with the database's clock.
//!
//! The races are named where they are met: [`claim`], [`heartbeat`], [`lanes`], [`acknowledge`].

pub(crate) mod acknowledge;
pub(crate) mod claim;
mod claimed;
pub(crate) mod core;
pub(crate) mod heartbeat;
pub(crate) mod lanes;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod listen;
mod pace;
pub(crate) mod plan;
mod ready;
pub(crate) mod running;
mod source;
pub(crate) mod survey;
pub(crate) mod tenure;

pub(crate) use claimed::Note;
pub use claimed::{Claimed, Outcome};
pub use running::{Reason, Running};
pub use source::{Acknowledge, AcknowledgeLayer, Source};
