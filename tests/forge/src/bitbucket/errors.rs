//! Refusals in Bitbucket's words.

use std::collections::BTreeSet;

use serde_json::json;

use crate::answer::{self, Answer, set};

fn error(status: u16, message: &str) -> Answer {
    let body = json!({ "type": "error", "error": { "message": message } });
    answer::json(status, &body)
}

/// 401 for a pair of e-mail and token, and where nothing was presented.
pub(super) fn unauthorized() -> Answer {
    let mut refusal = error(401, "Unauthorized");
    let challenge = "BitbucketCustom realm=\"Bitbucket.org HTTP\"";
    set(&mut refusal, "www-authenticate", challenge);
    refusal
}

/// 401 for a Bearer, which is told apart neither from an expired one nor from one of the wrong kind.
pub(super) fn invalid_token() -> Answer {
    error(
        401,
        "Token is invalid, expired, or not supported for this endpoint.",
    )
}

/// 403 for an access token where only users may ask.
pub(super) fn not_for_this_credential() -> Answer {
    error(
        403,
        "This API is not accessible by this authentication mechanism",
    )
}

pub(super) fn scope_missing(required: &str, granted: &BTreeSet<String>) -> Answer {
    let body = json!({
        "type": "error",
        "error": {
            "message": "Your credentials lack one or more required privilege scopes.",
            "detail": { "required": [required], "granted": granted },
        },
    });
    answer::json(403, &body)
}

pub(super) fn no_workspace(id: &str) -> Answer {
    error(404, &format!("No workspace with identifier '{id}'."))
}

pub(super) fn no_repository(workspace: &str, slug: &str) -> Answer {
    error(404, &format!("Repository {workspace}/{slug} not found"))
}

pub(super) fn no_route() -> Answer {
    error(404, "There is no API hosted at this URL")
}

/// 404 behind the last page.
pub(super) fn no_page() -> Answer {
    error(404, "Invalid page")
}

pub(super) fn invalid(what: &str) -> Answer {
    error(400, &format!("Invalid {what}"))
}

/// 410 for the listings across workspaces, which ended in 2026.
pub(super) fn removed() -> Answer {
    error(410, "CHANGE-2770 - Functionality has been deprecated")
}

/// The limiter's answer is no JSON and says nothing of when to come again.
pub(super) fn rate_limited() -> Answer {
    answer::bytes(
        429,
        "text/plain",
        "Rate limit for this resource has been exceeded",
    )
}
