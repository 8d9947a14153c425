//! The health of a connection: a code, a sentence, and the next step.
//!
//! The sentences live here, in one table, so that the API, the UI and the tests say the same.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::text_enum::text_enum;

text_enum! {
    /// What is right or wrong with a connection.
    pub enum HealthCode {
        /// Works.
        Ok = "ok",
        /// Works, and ends soon.
        Expiring = "expiring",
        /// Works in part.
        Degraded = "degraded",
        /// An answer was lost; the next try decides.
        Uncertain = "uncertain",
        /// A person must connect again.
        ReauthRequired = "reauth_required",
        /// The installation or account is suspended.
        Suspended = "suspended",
        /// The App was uninstalled.
        Uninstalled = "uninstalled",
        /// Single sign-on stands in the way.
        SsoBlocked = "sso_blocked",
        /// A scope that syncing needs was not granted.
        ScopeMissing = "scope_missing",
        /// The provider's rate limit is used up.
        RateLimited = "rate_limited",
        /// The provider does not answer.
        Unreachable = "unreachable",
        /// The key or token was never valid.
        InvalidCredential = "invalid_credential",
        /// The operator's configuration is at fault, not the tenant's.
        OperatorConfiguration = "operator_configuration",
    }
}

impl HealthCode {
    /// What is the matter, in one sentence.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Ok => "The connection works.",
            Self::Expiring => "The credential works, but it ends soon.",
            Self::Degraded => {
                "The connection works in part: the provider left something out of its answers."
            }
            Self::Uncertain => {
                "The provider's last answer was lost. The next try decides; nothing is lost."
            }
            Self::ReauthRequired => "The provider no longer accepts this credential.",
            Self::Suspended => "The account or installation is suspended at the provider.",
            Self::Uninstalled => "The App was uninstalled at the provider.",
            Self::SsoBlocked => {
                "The organization at the provider demands single sign-on for this credential."
            }
            Self::ScopeMissing => "The credential lacks a permission that syncing needs.",
            Self::RateLimited => {
                "The provider's rate limit is used up. Work goes on when the window starts anew."
            }
            Self::Unreachable => "The provider does not answer, or not as it should.",
            Self::InvalidCredential => "The provider has never accepted this key or token.",
            Self::OperatorConfiguration => {
                "The platform's own configuration for this provider is wrong."
            }
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Ok => "Nothing to do.",
            Self::Expiring => {
                "Make a new token and paste it here before the date; nothing else changes."
            }
            Self::Degraded => {
                "Open the provider and authorize the missing organizations, then sync again."
            }
            Self::Uncertain => "Wait a minute; if it stays so, validate the connection.",
            Self::ReauthRequired => {
                "Connect again, or paste a new token; repositories and settings are kept."
            }
            Self::Suspended => {
                "Ask an owner of the account at the provider to lift the suspension."
            }
            Self::Uninstalled => "Install the App again to heal this connection.",
            Self::SsoBlocked => {
                "Authorize the token for single sign-on at the provider, then validate."
            }
            Self::ScopeMissing => "Make a token with the missing scopes and paste it here.",
            Self::RateLimited => "Nothing to do; use a token of its own if it happens often.",
            Self::Unreachable => {
                "Check the base URL and the provider's status page; it is tried again by itself."
            }
            Self::InvalidCredential => "Check what was pasted and replace the credential.",
            Self::OperatorConfiguration => {
                "Tell the operator of this platform; the connection itself is fine."
            }
        }
    }
}

/// The health of a connection as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Health {
    /// The code.
    pub code: HealthCode,
    /// What is the matter.
    pub message: String,
    /// The next step.
    pub action: String,
    /// A page at the provider where the next step is done.
    pub action_url: Option<String>,
    /// Since when the code stands.
    pub since: DateTime<Utc>,
}
