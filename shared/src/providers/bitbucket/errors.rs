//! What a refusal of Bitbucket means.
//!
//! Sources: Atlassian's REST documentation (error bodies, status codes), its knowledge base ("This
//! API is not accessible by this authentication mechanism"), the change notice CHANGE-2770 for the
//! listings across workspaces, "API request limits" (a rolling hour; no `Retry-After` is promised).

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Response;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

use super::super::transport::{is_json, not_past};
use super::super::{ErrorClass, ProviderError};
use crate::outbound::rate_limit;

/// Where Bitbucket names no time. Units of the hour come back one by one, so a few minutes give
/// back some of them; seconds give back none.
const UNTOLD_WAIT: TimeDelta = TimeDelta::minutes(5);

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Inner,
}

#[derive(Default, Deserialize)]
struct Inner {
    message: Option<String>,
    detail: Option<Value>,
}

/// What a token lacks, as the body of a 403 tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    /// What the question takes.
    pub(super) required: Vec<String>,
    /// What the token has.
    pub(super) granted: Vec<String>,
}

fn body(answer: &Response<Bytes>) -> Body {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// The scopes that a refusal names; `None` where it names none.
pub(super) fn scopes(answer: &Response<Bytes>) -> Option<Scopes> {
    let detail = body(answer).error.detail?;
    let list = |name: &str| -> Option<Vec<String>> {
        let words = detail.get(name)?.as_array()?.iter();
        Some(words.filter_map(|w| Some(w.as_str()?.to_owned())).collect())
    };
    Some(Scopes {
        required: list("required")?,
        granted: list("granted").unwrap_or_default(),
    })
}

/// Reads an answer that is not a success.
pub(super) fn classify(answer: &Response<Bytes>, now: DateTime<Utc>) -> ProviderError {
    let status = answer.status().as_u16();
    let message = body(answer).error.message.unwrap_or_default();
    let retry_after = rate_limit::retry_after(answer.headers(), now);
    let mut error = ProviderError {
        class: ErrorClass::Unexpected,
        status: Some(status),
        detail: message,
        retry_at: None,
        action_url: None,
    };
    match status {
        401 => error.class = ErrorClass::Unauthorized,
        // A wall before the API (HTML) says nothing of the credential.
        403 if is_html(answer) => error.class = ErrorClass::Unavailable,
        403 => error.class = refused(answer, &error.detail),
        402 | 451 => error.class = ErrorClass::Forbidden,
        404 if is_json(answer) => error.class = ErrorClass::NotFound,
        410 => {
            error.detail = format!(
                "Bitbucket has removed this call or what it asked for: {}",
                error.detail
            );
        }
        429 => {
            error.class = ErrorClass::RateLimited;
            let until = retry_after.unwrap_or(now + UNTOLD_WAIT);
            error.retry_at = Some(not_past(until, now));
        }
        408 | 500..=599 => {
            error.class = ErrorClass::Unavailable;
            error.retry_at = retry_after;
        }
        _ => {}
    }
    error
}

fn refused(answer: &Response<Bytes>, message: &str) -> ErrorClass {
    let lower = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if scopes(answer).is_some() || says(&["privilege scope"]) {
        ErrorClass::ScopeMissing
    } else if says(&["single sign-on", "saml", "sso"]) {
        ErrorClass::SsoBlocked
    } else if says(&["suspended", "deactivated"]) {
        ErrorClass::Suspended
    } else {
        ErrorClass::Forbidden
    }
}

fn is_html(answer: &Response<Bytes>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
