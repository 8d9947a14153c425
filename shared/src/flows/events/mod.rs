//! What happens in an organization, as it happens: jobs that move, connections whose status changes.
//!
//! Needs: somebody follows a sync over any API process, loses the line, comes back to another
//! process and has missed nothing; thousands follow at once; the queue pays nothing for it, whether
//! anybody follows or not.
//!
//! Properties: every event is the whole state of its subject, so hearing one twice does no harm; at
//! least once; of several changes within half a second the last is told. A connection of the
//! database is held by nobody who follows.
//!
//! Design: Postgres is asked, nobody tells. One [`Feed`] per process looks twice a second, in one
//! statement for all organizations that somebody follows here: which jobs wait or run, which are
//! new, how each stands. What differs from the last look is read as its tenant, under row-level
//! security, rendered once, and handed to all who follow that organization. It needs no column, no
//! index and no message of the job engine, and no Redis, so it loses nothing with one. A look that
//! takes long makes the next one wait.
//!
//! A [`Mark`] is the time of a look that told everything before it; followers get it as the id of
//! what they hear. Who comes back with one is told what [may have changed](missed) since, from the
//! rows alone, whichever process it came from.
//!
//! The races, by name:
//! - *Listening against reading*: who begins is entered as a follower first and reads what was
//!   missed after, so that nothing falls between; it may be told twice.
//! - *Clock against commit*: a time is taken before its row can be seen, by a clock that may be off
//!   by some seconds. Looks and returns reach back by [`MARGIN`].
//! - *Look against look*: a new follower's first look may meet one under way. They go one by one,
//!   and what is told is read after the look, so that no older state follows a newer one.

mod feed;
mod look;
mod missed;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::activity::Entry;
use crate::domain::job::Job;

pub use feed::{Begin, Feed, Lost, Subscription};

/// How far clocks and commits may lag.
pub const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// Everything before it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(i64);

impl Mark {
    fn at(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }

    fn time(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Mark {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A connection's status changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusChange {
    /// The connection.
    pub connection_id: Option<Uuid>,
    /// Its name then.
    pub connection_name: Option<String>,
    /// From this status.
    pub from: Option<String>,
    /// To this status.
    pub to: Option<String>,
    /// The health's code, which is finer.
    pub code: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<Entry> for StatusChange {
    fn from(entry: Entry) -> Self {
        let word = |key: &str| entry.metadata.get(key)?.as_str().map(str::to_owned);
        Self {
            from: word("from"),
            to: word("to"),
            code: word("code"),
            connection_id: entry.subject.id,
            at: entry.created_at,
            connection_name: entry.subject.name,
        }
    }
}

/// What happened between two marks.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Jobs as they stand now.
    pub jobs: Vec<Job>,
    /// Connections whose status changed, oldest first.
    pub statuses: Vec<StatusChange>,
    /// There was more than can be told: read anew what is shown.
    pub truncated: bool,
}

/// Writes news down once for everybody: the mark before it, and the mark after.
pub type Render = fn(&News, Mark, Mark) -> bytes::Bytes;
