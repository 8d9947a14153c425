//! What a kind of job is.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::job::Priority;

/// A kind of job; the value is its payload: ids only, for whatever else it holds is stale by the
/// time it runs.
///
/// The constants are read when a job is enqueued and kept with it, but for [`TIMEOUT`](Job::TIMEOUT),
/// [`BACKOFF`](Job::BACKOFF) and [`CANCELLATION`](Job::CANCELLATION), which are the worker's.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name: snake_case, at most 63 bytes, that of the file its handler lives in.
    const KIND: &'static str;
    /// Attempts at most, takeovers from dead workers included.
    const MAX_ATTEMPTS: i16 = 10;
    /// Its class within one organization.
    const PRIORITY: Priority;
    /// An attempt is ended after this.
    const TIMEOUT: Duration = Duration::from_secs(120);
    /// Whether a repeat while it runs queues it again; [`super::NewJob::rerun_on_repeat`] overrides it
    /// for one caller.
    const RERUN_ON_REPEAT: bool = false;
    /// How many of this kind may run at once for one connection, over all workers.
    const PER_CONNECTION: Option<i16> = None;
    /// Expected to take longer than a second: one slot in eight is kept free of such jobs, they are
    /// never fetched ahead of a free slot, and each runs as a task of its own.
    const EXPECTED_LONG: bool = false;
    /// How long a failed attempt waits.
    const BACKOFF: Backoff = Backoff::DEFAULT;
    /// How a running one is cancelled.
    const CANCELLATION: Cancellation = Cancellation::Cut;
}

/// Exponential back-off: `first × 2^(attempt − 1)`, at most `most`, and of that a part between one
/// half and the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt.
    pub first: Duration,
    /// Never longer.
    pub most: Duration,
}

impl Backoff {
    /// 2 s, 4 s, 8 s, … 15 min.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(2),
        most: Duration::from_secs(900),
    };
}

/// How a running job is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// Told by its token, then dropped a moment later at the point where it waits.
    Cut,
    /// Told by its token only: it must not be dropped between two of its steps.
    Told,
}
