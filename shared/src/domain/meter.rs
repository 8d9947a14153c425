//! Leave to ask a provider, and what its answer said of that leave. Pure.
//!
//! Whoever sends requests knows nothing of budgets, and whoever keeps budgets knows nothing of
//! requests: an opened credential carries a [`Meter`], which is asked before each request and told
//! after it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::quota::RateLimit;

/// For whom a request is made: who may use the rest of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallClass {
    /// Somebody waits for the answer.
    Interactive,
    /// What a delivery has set going.
    Webhooks,
    /// A sync that somebody or something asked for.
    Sync,
    /// What comes by the clock.
    Sweep,
}

impl CallClass {
    /// Of a window so many per cent are left to those before this class.
    #[must_use]
    pub const fn reserve_percent(self) -> i32 {
        match self {
            Self::Interactive => 0,
            Self::Webhooks => 5,
            Self::Sync => 15,
            Self::Sweep => 25,
        }
    }
}

/// What an answer said of the credential that was presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It was taken, whatever it may do.
    Accepted,
    /// It was refused: a failed authentication, as the host counts them.
    Refused,
    /// A rate limit, primary or secondary; until then, where the provider said so.
    Limited(Option<DateTime<Utc>>),
    /// Nothing: no answer, or a failure of the provider's own.
    #[default]
    Untold,
}

/// What an answer told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The window, as its headers say.
    pub rate_limit: RateLimit,
    /// What it said of the credential.
    pub standing: Standing,
}

/// Why a request is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// Not before then: the window is used up as far as this class may, or the host would soon ban
    /// our address.
    Until(DateTime<Utc>),
    /// The same credential was refused a moment ago, while this request waited: its answer is known.
    Refused,
}

/// Gives leave to make requests with one credential.
#[async_trait]
pub trait Meter: Debug + Send + Sync {
    /// Waits its turn. The leave is for one request, and is told what came of it; where it is dropped
    /// instead, nothing is known to have come.
    ///
    /// # Errors
    /// [`HeldBack`] where the request is not to be made.
    async fn leave(self: Arc<Self>) -> Result<Box<dyn Leave>, HeldBack>;
}

/// Leave for one request.
#[async_trait]
pub trait Leave: Send {
    /// What came of it.
    async fn told(self: Box<Self>, reading: Reading);
}

/// No limits: for what belongs to no stored credential.
#[derive(Clone, Copy, Debug)]
pub struct Unmetered;

#[async_trait]
impl Meter for Unmetered {
    async fn leave(self: Arc<Self>) -> Result<Box<dyn Leave>, HeldBack> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Leave for Unmetered {
    async fn told(self: Box<Self>, _: Reading) {}
}
