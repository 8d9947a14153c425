//! Who did it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text_enum::text_enum;

text_enum! {
    /// What kind of actor.
    pub enum ActorType {
        /// A person, by a user token or a session.
        User = "user",
        /// A program, by an API token.
        ApiToken = "api_token",
        /// Mooring itself: sweeps and jobs that nobody asked for.
        System = "system",
        /// The provider, by a webhook.
        Provider = "provider",
    }
}

/// Who did something, as kept in activity entries and jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Actor {
    /// The user's or token's id; absent for the system and for providers.
    pub id: Option<Uuid>,
    /// What kind of actor.
    #[serde(rename = "type")]
    pub kind: ActorType,
    /// A name to show: as the token said, never trusted for anything else.
    pub name: Option<String>,
}

impl Actor {
    /// Mooring itself.
    #[must_use]
    pub fn system() -> Self {
        Self {
            id: None,
            kind: ActorType::System,
            name: Some("Mooring".to_owned()),
        }
    }
}
