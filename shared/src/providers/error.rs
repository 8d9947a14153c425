//! Why a call to a provider failed, decided once, where status, headers and body are at hand.

use chrono::{DateTime, Utc};

/// What a failure means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The credential was refused (401 and the like).
    Unauthorized,
    /// The credential is good but may not do this.
    Forbidden,
    /// A scope or permission is missing.
    ScopeMissing,
    /// Single sign-on stands in the way.
    SsoBlocked,
    /// The account or installation is suspended.
    Suspended,
    /// The installation of an App is gone: uninstalled by its account, or another App's.
    Uninstalled,
    /// The registration (an App's key, a client secret) is at fault, which is its owner's to mend and
    /// says nothing of the account's consent.
    Operator,
    /// Not there, or hidden from this credential.
    NotFound,
    /// A rate limit, primary or secondary: `retry_at` says until when.
    RateLimited,
    /// The provider answered with a failure of its own (5xx, HTML, a broken body).
    Unavailable,
    /// No answer: not resolved, refused, timed out, cut.
    Unreachable,
    /// The egress guard refused the address, or a redirect led to another origin.
    Blocked,
    /// The provider answered in a form we do not know, or refused our request as malformed.
    Unexpected,
}

/// A failed call to a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ProviderError {
    /// What it means.
    pub class: ErrorClass,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// For operators: what was asked and what came, shortened, never a secret. Users read the
    /// sentences of `domain::health`, not this.
    pub detail: String,
    /// When to ask again, where the provider said so.
    pub retry_at: Option<DateTime<Utc>>,
    /// A page at the provider where it is mended (`X-GitHub-SSO: required; url=…`).
    pub action_url: Option<String>,
}

impl ProviderError {
    /// It was not asked, and is not to be before then. See [`is_held_back`](Self::is_held_back).
    #[must_use]
    pub fn held_back(until: DateTime<Utc>) -> Self {
        Self {
            class: ErrorClass::RateLimited,
            status: None,
            detail: "held back: the account's window, or what its host allows, is used up"
                .to_owned(),
            retry_at: Some(until),
            action_url: None,
        }
    }

    /// Whether it was we who did not ask: the window or the host's allowance is used up. Nothing is
    /// known of the credential, or of the provider.
    #[must_use]
    pub const fn is_held_back(&self) -> bool {
        matches!(self.class, ErrorClass::RateLimited) && self.status.is_none()
    }

    /// Whether the same call may well succeed later without anybody's doing.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.class,
            ErrorClass::RateLimited | ErrorClass::Unavailable | ErrorClass::Unreachable
        )
    }
}
