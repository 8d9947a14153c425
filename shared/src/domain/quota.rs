//! What a provider says of its rate limit.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A rate limit as last told by response headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RateLimit {
    /// Requests per window.
    pub limit: Option<i32>,
    /// Requests left in this window.
    pub remaining: Option<i32>,
    /// When the window starts anew.
    pub reset_at: Option<DateTime<Utc>>,
}

impl RateLimit {
    /// Whether anything is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.limit.is_some() || self.remaining.is_some()
    }
}
