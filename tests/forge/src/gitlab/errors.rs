//! Refusals in GitLab's words, which are not all of one shape.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use super::Call;
use crate::answer::{self, Answer, set};
use crate::model::Repository;

/// What must not stand in a path segment as it is.
const SEGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'/').add(b'?').add(b'#').add(b'%');

fn message(status: u16, text: &str) -> Answer {
    answer::json(status, &json!({ "message": text }))
}

fn error(status: u16, text: &str) -> Answer {
    answer::json(status, &json!({ "error": text }))
}

pub(super) fn unauthorized() -> Answer {
    message(401, "401 Unauthorized")
}

/// 401 for a token that GitLab knows and no longer takes.
pub(super) fn invalid_token(description: &str) -> Answer {
    let body = json!({ "error": "invalid_token", "error_description": description });
    let mut refusal = answer::json(401, &body);
    let challenge = format!(
        "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", error_description=\"{description}\""
    );
    set(&mut refusal, "www-authenticate", challenge);
    refusal
}

pub(super) fn insufficient_scope(accepted: &[&str]) -> Answer {
    let body = json!({
        "error": "insufficient_scope",
        "error_description": "The request requires higher privileges than provided by the access token.",
        "scope": accepted.join(" "),
    });
    answer::json(403, &body)
}

pub(super) fn not_found(what: &str) -> Answer {
    message(404, &format!("404 {what} Not Found"))
}

pub(super) fn no_route() -> Answer {
    error(404, "404 Not Found")
}

/// 400 for a parameter outside its values.
pub(super) fn not_a_value(parameter: &str) -> Answer {
    error(400, &format!("{parameter} does not have a valid value"))
}

/// 400 for a parameter of another type.
pub(super) fn invalid(parameter: &str) -> Answer {
    error(400, &format!("{parameter} is invalid"))
}

/// 400 for a value that the model refuses.
pub(super) fn bad_request(text: &str) -> Answer {
    message(400, &format!("400 Bad request - {text}"))
}

/// 405 for a token that is no personal access token.
pub(super) fn not_for_this_token() -> Answer {
    message(405, "405 Method Not Allowed")
}

/// 405 for pages that this order or this depth does not have.
pub(super) fn not_pageable(text: &str) -> Answer {
    error(405, text)
}

/// The throttle's answer is no JSON.
pub(super) fn retry_later() -> Answer {
    answer::bytes(429, "text/plain", "Retry later\n")
}

/// A permanent redirect to the numeric address, as GitLab has it from 16.7 on.
pub(super) fn moved(call: &Call<'_>, project: &Repository, rest: &[&str]) -> Answer {
    let mut url = format!("{}/projects/{}", call.asked.base.api, project.id);
    for segment in rest {
        url.push('/');
        url.extend(utf8_percent_encode(segment, SEGMENT));
    }
    let query = call.asked.query.encode();
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    let text = format!("This resource has been moved permanently to {url}");
    let mut redirect = answer::bytes(301, "text/plain", text);
    set(&mut redirect, "location", url);
    redirect
}
