//! Organizations: those of the user, and one by its login.

use serde_json::{Value, json};

use super::render::{node_id, time};
use super::{Call, errors};
use crate::answer::{self, Answer, set};
use crate::model::{Owner, OwnerId, Visibility};

pub(super) fn of_user(call: &Call<'_>) -> Answer {
    let Some(token) = call.viewer.token else {
        return errors::requires_authentication();
    };
    let accepted = ["read:org", "user", "write:org", "admin:org", "repo"];
    if token.kind.has_github_scopes() && !token.has_any_scope(&accepted) {
        return errors::lacks_scope(
            "You need at least read:org scope or user scope to list your organizations.",
            "admin:org, read:org, repo, user, write:org",
        );
    }
    let visible: Vec<OwnerId> = call
        .state
        .memberships(token.user)
        .into_iter()
        .filter(|id| !call.viewer.is_blocked_from(*id))
        .filter(|id| token.kind.has_github_scopes() || token.resource_owner == Some(*id))
        .collect();
    let page = call.page(visible.len());
    let items = page
        .slice(&visible)
        .iter()
        .filter_map(|id| call.state.owner(*id))
        .map(|owner| simple(call, owner))
        .collect();
    let mut answer = call.listed("/user/orgs", page, items);
    mark_partial(call, &mut answer);
    answer
}

/// Says which organizations single sign-on left out of a list: the only trace they leave.
pub(super) fn mark_partial(call: &Call<'_>, answer: &mut Answer) {
    let Some(user) = call.viewer.user() else {
        return;
    };
    let blocked: Vec<String> = call
        .state
        .memberships(user)
        .into_iter()
        .filter(|id| call.viewer.is_blocked_from(*id))
        .map(|id| id.to_string())
        .collect();
    if !blocked.is_empty() {
        let value = format!("partial-results; organizations={}", blocked.join(","));
        set(answer, "x-github-sso", value);
    }
}

pub(super) fn show(call: &Call<'_>, login: &str) -> Answer {
    let organization = call.state.owner_named(login);
    let Some(owner) = organization.filter(|owner| owner.organization().is_some()) else {
        return errors::not_found();
    };
    if call.viewer.is_blocked_from(owner.id) {
        return errors::behind_sso(call, owner.id);
    }
    let public = owner
        .repositories
        .iter()
        .filter_map(|id| call.state.repository(*id))
        .filter(|repository| repository.visibility == Visibility::Public)
        .count();
    let mut fields = simple(call, owner);
    let more = json!({
        "name": owner.name,
        "html_url": format!("{}/{}", call.asked.base.web, owner.login),
        "type": "Organization",
        "is_verified": false,
        "has_organization_projects": true,
        "has_repository_projects": true,
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": time(owner.created_at),
        "updated_at": time(owner.created_at),
        "archived_at": null,
    });
    if let (Value::Object(fields), Value::Object(mut more)) = (&mut fields, more) {
        fields.append(&mut more);
    }
    answer::json(200, &fields)
}

/// The vendor's `organization-simple`.
fn simple(call: &Call<'_>, owner: &Owner) -> Value {
    let base = &call.asked.base;
    let url = format!("{}/orgs/{}", base.api, owner.login);
    json!({
        "login": owner.login,
        "id": owner.id,
        "node_id": node_id("Organization", owner.id),
        "url": url,
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"),
        "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"),
        "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("{}/avatars/u/{}?v=4", base.web, owner.id),
        "description": null,
    })
}
