//! What a refusal of Azure DevOps means, and which successes are none.
//!
//! Sources: Microsoft, "Rate and usage limits" (429, `TF400733`, `Retry-After`); threads on the
//! sign-in page with 203 or behind a 302 (microsoft/azure-devops-auth-samples#52,
//! MicrosoftDocs/vsts-rest-api-specs#97); on `TF400813`, whose user is nobody where the
//! credential was not taken (microsoft/terraform-provider-azuredevops#901, Azure/azure-cli#24108,
//! microsoft/azure-devops-auth-samples#57); on `VS403463`, a policy of conditional access.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::LOCATION;
use http::{Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::super::transport::{is_json, not_past};
use super::super::{ErrorClass, ProviderError};
use crate::outbound::rate_limit;

/// Where Azure DevOps names no time.
const UNTOLD_WAIT: TimeDelta = TimeDelta::seconds(60);
/// The user that nobody is.
pub(super) const ANONYMOUS: &str = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";

#[derive(Default, Deserialize)]
struct Body {
    message: Option<String>,
}

/// Reads an answer to a question at `url`; `None` where it is a success in the API's own form.
pub(super) fn classify(
    answer: &Response<Bytes>,
    url: &Url,
    now: DateTime<Utc>,
) -> Option<ProviderError> {
    let status = answer.status();
    if status.is_success() && status != StatusCode::NON_AUTHORITATIVE_INFORMATION && is_json(answer)
    {
        return None;
    }
    let headers = answer.headers();
    let body = serde_json::from_slice::<Body>(answer.body()).unwrap_or_default();
    let mut error = ProviderError {
        class: ErrorClass::Unexpected,
        status: Some(status.as_u16()),
        detail: body.message.unwrap_or_default(),
        retry_at: None,
        action_url: None,
    };
    let retry_after = rate_limit::retry_after(headers, now);
    let is_blocked = error.detail.contains("TF400733");
    match status.as_u16() {
        // Before the success: the page to sign in comes as one.
        200..=299 => {
            error.class = ErrorClass::Unauthorized;
            "the page to sign in, or another that is not the API's".clone_into(&mut error.detail);
        }
        429 | 403 | 500..=599 if status == StatusCode::TOO_MANY_REQUESTS || is_blocked => {
            error.class = ErrorClass::RateLimited;
            let reset = rate_limit::github(headers, now).reset_at;
            let until = retry_after.or(reset).unwrap_or(now + UNTOLD_WAIT);
            error.retry_at = Some(not_past(until, now));
        }
        300..=399 => {
            let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let to = location.and_then(|location| url.join(location).ok());
            error.class = led_to(url, to.as_ref());
            error.detail = match to {
                Some(to) => format!(
                    "a redirect to {}, not followed",
                    to.origin().ascii_serialization()
                ),
                None => "a redirect to nowhere".to_owned(),
            };
        }
        401 => error.class = unauthorized(&error.detail),
        403 if retry_after.is_some() => {
            error.class = ErrorClass::RateLimited;
            error.retry_at = retry_after;
        }
        403 => error.class = forbidden(&error.detail),
        // Of an organization that there is not, as a page; of all else as JSON.
        404 => error.class = ErrorClass::NotFound,
        408 | 500..=599 => {
            error.class = ErrorClass::Unavailable;
            error.retry_at = retry_after;
        }
        _ => {}
    }
    Some(error)
}

/// What a redirect means: a way to sign in is a refusal, another origin gets no credential.
fn led_to(from: &Url, to: Option<&Url>) -> ErrorClass {
    let Some(to) = to else {
        return ErrorClass::Unexpected;
    };
    let path = to.path().to_ascii_lowercase();
    if path.contains("/_signin") || path.contains("/oauth2/") {
        ErrorClass::Unauthorized
    } else if to.origin() == from.origin() {
        ErrorClass::Unexpected
    } else {
        ErrorClass::Blocked
    }
}

/// `TF400813: The user '…' is not authorized`: of somebody it is about rights, of nobody about the
/// credential.
fn unauthorized(message: &str) -> ErrorClass {
    let user = message
        .strip_prefix("TF400813")
        .and_then(|rest| rest.split('\'').nth(1))
        .map(str::trim);
    match user {
        None | Some("") => ErrorClass::Unauthorized,
        Some(user) if user.eq_ignore_ascii_case(ANONYMOUS) => ErrorClass::Unauthorized,
        Some(_) => ErrorClass::Forbidden,
    }
}

fn forbidden(message: &str) -> ErrorClass {
    let lower = message.to_ascii_lowercase();
    if lower.contains("conditional access") || message.contains("VS403463") {
        ErrorClass::SsoBlocked
    } else {
        ErrorClass::Forbidden
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
