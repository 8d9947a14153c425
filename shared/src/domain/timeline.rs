//! What happened to a connection, as it is told to people.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::ids::ActivityId;
use super::text_enum::text_enum;

text_enum! {
    /// What kind of thing happened.
    pub enum TimelineKind {
        /// Its token was renewed, or that was tried.
        Refresh = "refresh",
        /// Somebody validated it.
        Validation = "validation",
        /// Its repositories were listed.
        Sync = "sync",
        /// Its credential was lent out.
        Lease = "lease",
        /// Its status changed.
        StatusChange = "status_change",
        /// It was warned that its credential ends.
        Expiring = "expiring",
        /// Its token was replaced by a new one at the provider, or that was tried.
        Rotation = "rotation",
        /// The provider delivered to its webhook.
        Delivery = "delivery",
        /// It was made, changed or deleted, or something else about it was.
        Change = "change",
    }
}

/// One thing that happened to a connection.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TimelineEntry {
    /// Its id: ids are in the order of time.
    pub id: ActivityId,
    /// When it happened or began.
    pub at: DateTime<Utc>,
    /// What kind of thing it is.
    pub kind: TimelineKind,
    /// What happened, in a sentence.
    pub sentence: String,
    /// How it ended, in one word: `succeeded`, `failed`, `running`, `open`, … `null` where it is
    /// over with the telling.
    pub outcome: Option<String>,
    /// Who did it; `null` for what Mooring does by itself.
    pub actor: Option<String>,
    /// More of it, by kind; never a secret.
    pub details: Map<String, Value>,
}
