//! What a refusal of GitHub means.
//!
//! GitHub says 403 for seven different things; headers tell them apart better than texts, so they
//! are asked first. Sources: GitHub REST documentation ("Rate limits for the REST API",
//! "Authenticating to the REST API", "Troubleshooting"), texts as recorded by public clients.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::super::transport::{is_json, not_past};
use super::super::{ErrorClass, ProviderError};
use crate::outbound::rate_limit;

/// GitHub's advice where it names no time: wait for at least a minute.
const UNTOLD_WAIT: TimeDelta = TimeDelta::seconds(60);

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: String,
}

/// Reads an answer that is not a success.
pub(super) fn classify(answer: &Response<Bytes>, now: DateTime<Utc>) -> ProviderError {
    let status = answer.status().as_u16();
    let headers = answer.headers();
    let message = serde_json::from_slice::<Body>(answer.body())
        .unwrap_or_default()
        .message;
    let lower = message.to_ascii_lowercase();
    let mut error = ProviderError {
        class: ErrorClass::Unexpected,
        status: Some(status),
        detail: message,
        retry_at: None,
        action_url: None,
    };
    match status {
        401 => error.class = ErrorClass::Unauthorized,
        403 | 429 => refused(&mut error, headers, &lower, now),
        404 if is_json(answer) => error.class = ErrorClass::NotFound,
        // Taken down for legal reasons: there, and not for anybody.
        451 => error.class = ErrorClass::Forbidden,
        408 | 500..=599 => {
            error.class = ErrorClass::Unavailable;
            error.retry_at = rate_limit::retry_after(headers, now);
        }
        _ => {}
    }
    error
}

fn refused(error: &mut ProviderError, headers: &HeaderMap, lower: &str, now: DateTime<Utc>) {
    if let Some(sso) = header(headers, "x-github-sso") {
        error.class = ErrorClass::SsoBlocked;
        error.action_url = sso_url(sso);
    } else if let Some(until) = limited_until(error.status, headers, lower, now) {
        error.class = ErrorClass::RateLimited;
        error.retry_at = Some(until);
    } else if lower.contains("suspended") {
        error.class = ErrorClass::Suspended;
    } else if lower.contains("saml enforcement") {
        error.class = ErrorClass::SsoBlocked;
    } else if lacks_permission(headers, lower) {
        error.class = ErrorClass::ScopeMissing;
    } else {
        error.class = ErrorClass::Forbidden;
    }
}

/// In the order that GitHub gives: what it says outright, then an empty window, then a minute.
fn limited_until(
    status: Option<u16>,
    headers: &HeaderMap,
    lower: &str,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if let Some(until) = rate_limit::retry_after(headers, now) {
        return Some(until);
    }
    let limit = rate_limit::github(headers, now);
    let told = lower.contains("rate limit") || lower.contains("abuse detection");
    if limit.remaining == Some(0) {
        let reset = limit.reset_at.unwrap_or(now + UNTOLD_WAIT);
        return Some(not_past(reset, now));
    }
    (told || status == Some(429)).then(|| now + UNTOLD_WAIT)
}

fn lacks_permission(headers: &HeaderMap, lower: &str) -> bool {
    if lower.starts_with("resource not accessible by") {
        return true;
    }
    let Some(granted) = header(headers, "x-oauth-scopes") else {
        return false;
    };
    let accepted = header(headers, "x-accepted-oauth-scopes").unwrap_or_default();
    let mut accepted = scopes(accepted).peekable();
    accepted.peek().is_some() && !accepted.any(|scope| scopes(granted).any(|have| have == scope))
}

/// The scopes of a header, which are parted by commas.
pub(super) fn scopes(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
}

/// `required; url=https://github.com/orgs/…/sso?…`: shown to people, so only a web page.
fn sso_url(header: &str) -> Option<String> {
    let (_, url) = header.split_once("url=")?;
    let url = url.split(';').next()?.trim();
    url.starts_with("https://").then(|| url.to_owned())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
