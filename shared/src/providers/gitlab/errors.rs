//! What a refusal of GitLab means.
//!
//! Sources: GitLab REST documentation (status codes, rate limits), "GitLab.com settings" (bans of
//! addresses), texts as in the vendor's API helpers. Rate limits are off on self-managed
//! instances by default, and their 429 may be plain text of the administrator's.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Response;
use serde::Deserialize;
use serde_json::Value;

use super::super::transport::{is_json, not_past};
use super::super::{ErrorClass, ProviderError};
use crate::outbound::rate_limit;

/// Where GitLab names no time.
const UNTOLD_WAIT: TimeDelta = TimeDelta::seconds(60);
/// GitLab.com bans an address for so long after too many failed authentications.
const BAN: TimeDelta = TimeDelta::minutes(15);

#[derive(Default, Deserialize)]
struct Body {
    message: Option<Value>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Body {
    /// All that it says, in one line.
    fn text(&self) -> String {
        let message = self.message.as_ref().map(|message| match message {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let parts = [message, self.error.clone(), self.error_description.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }
}

/// Reads an answer that is not a success.
pub(super) fn classify(answer: &Response<Bytes>, now: DateTime<Utc>) -> ProviderError {
    let status = answer.status().as_u16();
    let headers = answer.headers();
    let body = serde_json::from_slice::<Body>(answer.body()).unwrap_or_default();
    let mut error = ProviderError {
        class: ErrorClass::Unexpected,
        status: Some(status),
        detail: body.text(),
        retry_at: None,
        action_url: None,
    };
    let retry_after = rate_limit::retry_after(headers, now);
    match status {
        401 => error.class = ErrorClass::Unauthorized,
        429 => {
            error.class = ErrorClass::RateLimited;
            let reset = rate_limit::gitlab(headers, now).reset_at;
            let until = retry_after.or(reset).unwrap_or(now + UNTOLD_WAIT);
            error.retry_at = Some(not_past(until, now));
        }
        403 if retry_after.is_some() => {
            error.class = ErrorClass::RateLimited;
            error.retry_at = retry_after;
        }
        // The API refuses in JSON. The ban of an address answers before the API does, in text, and
        // says nothing of the credential.
        403 if !is_json(answer) => {
            error.class = ErrorClass::RateLimited;
            error.retry_at = Some(now + BAN);
        }
        403 => error.class = refused(&body),
        404 if is_json(answer) => error.class = ErrorClass::NotFound,
        451 => error.class = ErrorClass::Forbidden,
        408 | 500..=599 => {
            error.class = ErrorClass::Unavailable;
            error.retry_at = retry_after;
        }
        _ => {}
    }
    error
}

fn refused(body: &Body) -> ErrorClass {
    let lower = body.text().to_ascii_lowercase();
    if body.error.as_deref() == Some("insufficient_scope") {
        ErrorClass::ScopeMissing
    } else if ["blocked", "deactivated", "banned"]
        .iter()
        .any(|word| lower.contains(word))
    {
        ErrorClass::Suspended
    } else if lower.contains("saml") || lower.contains("sso session") {
        ErrorClass::SsoBlocked
    } else {
        ErrorClass::Forbidden
    }
}

/// Whether a 404 is of a project that is there and has no Git repository.
pub(super) fn has_no_repository(error: &ProviderError) -> bool {
    error.class == ErrorClass::NotFound
        && error
            .detail
            .to_ascii_lowercase()
            .contains("repository not found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::*;

    type Line = (
        u16,
        &'static [(&'static str, &'static str)],
        &'static str,
        ErrorClass,
        Option<i64>,
    );

    const JSON: (&str, &str) = ("content-type", "application/json");
    const TEXT: (&str, &str) = ("content-type", "text/plain");
    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

    /// Status, headers, body; then the class and the seconds to wait.
    const TABLE: &[Line] = &[
        (
            401,
            &[JSON],
            r#"{"message":"401 Unauthorized"}"#,
            Unauthorized,
            None,
        ),
        (
            401,
            &[JSON],
            r#"{"error":"invalid_token","error_description":"Token was revoked."}"#,
            Unauthorized,
            None,
        ),
        (
            403,
            &[JSON],
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
            ScopeMissing,
            None,
        ),
        (
            403,
            &[JSON],
            r#"{"message":"403 Forbidden - Your account has been blocked."}"#,
            Suspended,
            None,
        ),
        (
            403,
            &[JSON],
            r#"{"message":"Your account has been deactivated by your administrator."}"#,
            Suspended,
            None,
        ),
        (
            403,
            &[JSON],
            r#"{"message":"403 Forbidden - SAML SSO session required"}"#,
            SsoBlocked,
            None,
        ),
        (
            403,
            &[JSON],
            r#"{"message":"403 Forbidden"}"#,
            Forbidden,
            None,
        ),
        (
            403,
            &[JSON, ("retry-after", "40")],
            r#"{"message":"403 Forbidden"}"#,
            RateLimited,
            Some(40),
        ),
        (403, &[TEXT], "Forbidden\n", RateLimited, Some(900)),
        (429, &[TEXT], "Retry later\n", RateLimited, Some(60)),
        (
            429,
            &[TEXT, ("ratelimit-reset", "1800000030")],
            "Retry later\n",
            RateLimited,
            Some(30),
        ),
        (
            429,
            &[TEXT, ("ratelimit-reset", "1799999990")],
            "Retry later\n",
            RateLimited,
            Some(0),
        ),
        (
            429,
            &[
                JSON,
                ("retry-after", "7"),
                ("ratelimit-reset", "1800000030"),
            ],
            r#"{"message":{"error":"too many"}}"#,
            RateLimited,
            Some(7),
        ),
        (
            404,
            &[JSON],
            r#"{"message":"404 Project Not Found"}"#,
            NotFound,
            None,
        ),
        (404, &[HTML], "<html>", Unexpected, None),
        (
            400,
            &[JSON],
            r#"{"error":"order_by does not have a valid value"}"#,
            Unexpected,
            None,
        ),
        (
            405,
            &[JSON],
            r#"{"message":"405 Method Not Allowed"}"#,
            Unexpected,
            None,
        ),
        (
            422,
            &[JSON],
            r#"{"message":"422 Unprocessable"}"#,
            Unexpected,
            None,
        ),
        (451, &[JSON], "{}", Forbidden, None),
        (408, &[], "", Unavailable, None),
        (
            500,
            &[JSON],
            r#"{"message":"500 Internal Server Error"}"#,
            Unavailable,
            None,
        ),
        (
            502,
            &[HTML],
            "<html>GitLab is not responding</html>",
            Unavailable,
            None,
        ),
        (
            503,
            &[HTML, ("retry-after", "30")],
            "<html>",
            Unavailable,
            Some(30),
        ),
    ];

    #[test]
    fn every_line_of_the_table() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (status, headers, body, class, wait) in TABLE {
            let mut answer = Response::builder().status(*status);
            for (name, value) in *headers {
                answer = answer.header(*name, *value);
            }
            let error = classify(
                &answer.body(Bytes::from_static(body.as_bytes())).unwrap(),
                now,
            );
            assert_eq!(error.class, *class, "{status} {headers:?} {body}");
            let waits = error.retry_at.map(|at| (at - now).num_seconds());
            assert_eq!(waits, *wait, "{status} {headers:?} {body}");
            assert_eq!(error.status, Some(*status));
        }
    }
}
