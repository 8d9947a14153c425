//! Running jobs.
//!
//! A kind's handler ([`Handler`]) is given its payload and a [`JobContext`], and returns a
//! [`Verdict`]. Around it stands [`execute`]: decoding, a span with the ids, the time limit of the
//! kind, panics, cancellation. What is due by the clock alone is enqueued by the [`Schedule`].

mod backoff;
mod context;
mod execute;
mod figures;
mod registry;
mod schedule;
mod verdict;

pub use context::JobContext;
pub(crate) use execute::Execute;
pub use figures::Figures;
pub use registry::{Handler, Registry};
pub(crate) use schedule::run as run_schedule;
pub use schedule::{Line, Schedule};
pub use verdict::Verdict;
