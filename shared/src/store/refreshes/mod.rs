//! `token_refreshes` and the columns of `credentials` that the refresh protocol moves.
//!
//! Two statements carry the protocol, each whole by itself: [`take`] and [`settle`]. Both are given
//! many at once, since a storm of renewals would else be a storm of commits.

mod read;
mod settle;
mod take;

pub use read::{Grant, grant, history};
pub use settle::{Failed, Renewed, fail, hold_on, postpone, renew};
pub use take::{Answer, Verdict, Waits, Wanted, take};

/// One attempt as shown on a connection's timeline.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id.
    pub id: uuid::Uuid,
    /// Why it was made.
    pub reason: crate::domain::refresh::RefreshReason,
    /// The how many-th presentation of its refresh token it was.
    pub presentation: i16,
    /// When the provider was about to be asked.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// When its outcome was written down.
    pub ended_at: Option<chrono::DateTime<chrono::Utc>>,
    /// What became of it.
    pub outcome: crate::domain::refresh::RefreshOutcome,
    /// The provider's own code.
    pub code: Option<String>,
}
