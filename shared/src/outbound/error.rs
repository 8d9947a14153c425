//! Why a request did not bring an answer.

use std::error::Error;
use std::time::Duration;

use super::resolver::NotAdmitted;
use super::target::UrlError;

/// A request that brought no complete answer. Texts name hosts and reasons, never headers,
/// queries or bodies.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL itself is refused: its form, its scheme, or the address it names.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The name leads to addresses that may not be reached.
    #[error("{0}")]
    Blocked(NotAdmitted),
    /// The answer sent us to another origin, where no credential may go.
    #[error("{from} redirects to another origin, {to}: not followed")]
    ForeignRedirect {
        /// Where the answer came from.
        from: String,
        /// Where it pointed, without its path.
        to: String,
    },
    /// More redirects than the limits allow.
    #[error("{host} redirects without end")]
    TooManyRedirects {
        /// The host.
        host: String,
    },
    /// The name does not resolve.
    #[error("{host} cannot be resolved: {reason}")]
    NotResolved {
        /// The host.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// No connection: refused, no route, a failed TLS handshake, or no end of these in time. No
    /// byte of the request has left.
    #[error("no connection to {host}: {reason}")]
    NotConnected {
        /// The host.
        host: String,
        /// The transport's words.
        reason: String,
    },
    /// The time ran out. Whether the host acted on the request is unknown.
    #[error("{host} did not answer within {after:?}")]
    TimedOut {
        /// The host.
        host: String,
        /// The limit that ran out.
        after: Duration,
    },
    /// The connection broke before the head of an answer came. Whether the host acted on the
    /// request is unknown.
    #[error("{host} broke off before it answered: {reason}")]
    Cut {
        /// The host.
        host: String,
        /// The transport's words.
        reason: String,
    },
    /// An answer began, and its body broke off or could not be unpacked.
    #[error("the body of an answer of {host} broke off: {reason}")]
    BodyCut {
        /// The host.
        host: String,
        /// The status that the answer began with.
        status: u16,
        /// The transport's words.
        reason: String,
    },
    /// The body is longer than the limits allow.
    #[error("{host} answered with more than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The status that the answer began with.
        status: u16,
        /// The limit.
        limit: usize,
    },
}

impl OutboundError {
    /// Reads what went wrong before the head of an answer came.
    pub(super) fn before_head(host: &str, error: reqwest::Error) -> Self {
        let host = host.to_owned();
        let error = error.without_url();
        if let Some(refusal) = find::<NotAdmitted>(&error) {
            return Self::Blocked(refusal.clone());
        }
        let reason = innermost(&error);
        if error.is_dns() {
            Self::NotResolved { host, reason }
        } else if error.is_connect() {
            Self::NotConnected { host, reason }
        } else {
            Self::Cut { host, reason }
        }
    }

    /// Reads what went wrong while the body came.
    pub(super) fn in_body(host: &str, status: u16, error: reqwest::Error) -> Self {
        let reason = innermost(&error.without_url());
        Self::BodyCut {
            host: host.to_owned(),
            status,
            reason,
        }
    }
}

/// The first error of a type in a chain of causes.
pub(crate) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The last cause says the most: the outer ones say "error sending request".
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
