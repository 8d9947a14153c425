//! What a handler says of its attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::domain::job::JobError;

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Done; what to show as the job's result, or null.
    Done(serde_json::Value),
    /// It may go well later: after `after`, else after the kind's back-off. Fails at the last attempt.
    Retry {
        /// Why.
        error: JobError,
        /// How long to wait.
        after: Option<Duration>,
    },
    /// Not now: at `until` again, and this attempt does not count.
    Snooze(DateTime<Utc>),
    /// The same for a reason that is to be seen while it waits: it stands as the job's result until
    /// another takes its place.
    Wait {
        /// When it goes on.
        until: DateTime<Utc>,
        /// Why, and what is to be expected.
        forecast: serde_json::Value,
    },
    /// It will never go well.
    Fail(JobError),
}

impl Verdict {
    /// Done, with nothing to show.
    #[must_use]
    pub fn done() -> Self {
        Self::Done(serde_json::Value::Null)
    }

    /// Done, with a result to show. One that has no JSON form fails the job.
    #[must_use]
    pub fn done_with(result: &impl Serialize) -> Self {
        match serde_json::to_value(result) {
            Ok(value) => Self::Done(value),
            Err(error) => {
                tracing::error!(%error, "a job's result has no JSON form");
                Self::fail(
                    "result_unreadable",
                    "The job's result has no JSON form; this is a fault of Mooring.",
                )
            }
        }
    }

    /// To be tried again after the kind's back-off.
    #[must_use]
    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Retry {
            error: JobError {
                code: code.into(),
                message: message.into(),
            },
            after: None,
        }
    }

    /// To be tried again after `after`.
    #[must_use]
    pub fn retry_after(
        code: impl Into<String>,
        message: impl Into<String>,
        after: Duration,
    ) -> Self {
        Self::Retry {
            error: JobError {
                code: code.into(),
                message: message.into(),
            },
            after: Some(after),
        }
    }

    /// Given up.
    #[must_use]
    pub fn fail(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fail(JobError {
            code: code.into(),
            message: message.into(),
        })
    }
}
