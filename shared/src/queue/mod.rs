//! Asking for work.
//!
//! Needs: a change of our state and the job that follows from it must be committed together or not
//! at all; the same work must not be queued twice; a worker must learn of it within milliseconds.
//!
//! Design: a job is a row ([`enqueue()`] in the caller's transaction, set-based), and after the
//! commit the caller rings the [`Doorbell`] with the lanes it touched. The bell carries no work and
//! may be lost: workers look by themselves every second.
//!
//! Races, by name:
//! - *Ring before commit*: a worker would look too early and find nothing. Hence `ring` is a call
//!   of its own, and takes what `enqueue` returned.
//! - *Repeat against end*: the standing job may end between being found and being marked for a
//!   rerun. The mark is an UPDATE that demands a queued or running row; finding none, the insert is
//!   tried again (see [`crate::store::jobs_enqueue`]).
//! - *Repeat against start*: a page of the running sync may have been read before the change that
//!   asks for another. Hence `rerun`: the running job is queued again when it ends, whatever its end.

pub mod catalogue;
mod doorbell;
mod enqueue;
mod job;
mod new_job;
mod notify;
mod redis;

pub use doorbell::{CHANNEL, Doorbell};
pub use enqueue::enqueue;
pub use job::{Backoff, Cancellation, Job};
pub use new_job::NewJob;
pub use redis::{Redis, RedisFault, RedisRings};

pub use crate::domain::lane::{Lane, Lanes};
pub use crate::store::jobs_enqueue::Enqueued;
