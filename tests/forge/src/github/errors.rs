//! Refusals in GitHub's words.

use serde_json::{Value, json};

use super::Call;
use crate::answer::{self, Answer, set};
use crate::model::{OwnerId, Repository, Sight};

const DOCUMENTATION: &str = "https://docs.github.com/rest";

pub(super) fn error(status: u16, message: &str) -> Answer {
    let body = json!({
        "message": message,
        "documentation_url": DOCUMENTATION,
        "status": status.to_string(),
    });
    answer::json(status, &body)
}

pub(super) fn not_found() -> Answer {
    error(404, "Not Found")
}

pub(super) fn bad_credentials() -> Answer {
    error(401, "Bad credentials")
}

/// 403 for what a token of an App or of its user may not do.
pub(super) fn not_for_integrations() -> Answer {
    error(403, "Resource not accessible by integration")
}

pub(super) fn suspended() -> Answer {
    error(403, "This installation has been suspended")
}

pub(super) fn requires_authentication() -> Answer {
    error(401, "Requires authentication")
}

pub(super) fn unsupported_version(wanted: &str) -> Answer {
    let message = format!("\"{wanted}\" is not a supported version of the REST API.");
    error(400, &message)
}

/// The primary budget is spent: `retry-after` is not sent, the reset is in the headers.
pub(super) fn budget_spent(status: u16, user: Option<OwnerId>) -> Answer {
    let whom = match user {
        Some(id) => format!("user ID {id}"),
        None => "127.0.0.1".to_owned(),
    };
    error(status, &format!("API rate limit exceeded for {whom}."))
}

/// 422 for a parameter that cannot be.
pub(super) fn invalid(field: &str, value: &str) -> Answer {
    let body = json!({
        "message": "Validation Failed",
        "documentation_url": DOCUMENTATION,
        "status": "422",
        "errors": [{ "resource": "Repository", "field": field, "code": "invalid", "value": value }],
    });
    answer::json(422, &body)
}

/// 422 for parameters that exclude each other.
pub(super) fn conflicting(message: &str) -> Answer {
    let body = json!({
        "message": message,
        "documentation_url": DOCUMENTATION,
        "status": "422",
    });
    answer::json(422, &body)
}

/// 403 for a classic token without any of these scopes.
pub(super) fn lacks_scope(message: &str, accepted: &str) -> Answer {
    let mut refusal = error(403, message);
    set(&mut refusal, "x-accepted-oauth-scopes", accepted);
    refusal
}

/// Why the caller may not know of a repository, or nothing where it may.
pub(super) fn unseen(call: &Call<'_>, repository: &Repository) -> Option<Answer> {
    match call.viewer.sight(repository) {
        Sight::Full => None,
        Sight::Hidden => Some(not_found()),
        Sight::Blocked(organization) => Some(behind_sso(call, organization)),
    }
}

/// 403 of an organization that enforces single sign-on.
pub(super) fn behind_sso(call: &Call<'_>, organization: OwnerId) -> Answer {
    let owner = call.state.owner(organization);
    let login = owner.map_or("", |owner| owner.login.as_str());
    let mut refusal = error(
        403,
        "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.",
    );
    let web = &call.asked.base.web;
    let url = format!("{web}/orgs/{login}/sso?authorization_request=A{organization}");
    set(&mut refusal, "x-github-sso", format!("required; url={url}"));
    refusal
}

/// A permanent redirect to the numeric address, with the rest of the path and the parameters.
pub(super) fn moved(call: &Call<'_>, repository: &Repository, rest: &[&str]) -> Answer {
    let mut url = format!("{}/repositories/{}", call.asked.base.api, repository.id);
    for segment in rest {
        url.push('/');
        url.push_str(segment);
    }
    let query = call.asked.query.encode();
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    let body: Value = json!({
        "message": "Moved Permanently",
        "url": url,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    let mut redirect = answer::json(301, &body);
    set(&mut redirect, "location", url);
    redirect
}
