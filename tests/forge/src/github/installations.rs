//! Installations as they are shown, and what is asked about them with their own tokens and with those of people.
//!
//! Source: GitHub REST documentation, "GitHub App installations".

use serde_json::{Value, json};

use super::render::time;
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::{App, Installation, OwnerKind, Repository, RepositoryId};
use crate::page::Page;

/// The vendor's `installation`.
pub(super) fn shown(call: &Call<'_>, app: &App, one: &Installation) -> Value {
    let base = &call.asked.base;
    let account = call.state.owner(one.account);
    let login = account.map_or("", |owner| owner.login.as_str());
    let organization =
        account.is_some_and(|owner| matches!(owner.kind, OwnerKind::Organization(_)));
    let (kind, html) = match organization {
        true => (
            "Organization",
            format!(
                "{}/organizations/{login}/settings/installations/{}",
                base.web, one.id
            ),
        ),
        false => (
            "User",
            format!("{}/settings/installations/{}", base.web, one.id),
        ),
    };
    let suspended_by = one
        .suspended_at
        .and(account)
        .map(|owner| call.simple_user(owner));
    json!({
        "id": one.id,
        "client_id": app.client_id,
        "account": account.map(|owner| call.simple_user(owner)),
        "repository_selection": selection(one.repositories.is_some()),
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", base.api, one.id),
        "repositories_url": format!("{}/installation/repositories", base.api),
        "html_url": html,
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": one.account,
        "target_type": kind,
        "permissions": one.permissions,
        "events": [],
        "created_at": time(one.created_at),
        "updated_at": time(one.updated_at),
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": suspended_by,
        "suspended_at": one.suspended_at.map(time),
    })
}

fn selection(selected: bool) -> &'static str {
    if selected { "selected" } else { "all" }
}

/// `GET /installation/repositories`.
pub(super) fn repositories(call: &Call<'_>) -> Answer {
    let token = call.viewer.token;
    let spoken_for = token.and_then(|token| {
        let (id, _) = token.installation.as_ref()?;
        Some((token, call.state.installation(*id)?))
    });
    let Some((token, one)) = spoken_for else {
        return match token {
            Some(_) => errors::error(403, "Resource not accessible by personal access token"),
            None => errors::requires_authentication(),
        };
    };
    let narrowed = token.repositories.as_ref();
    let ids: Vec<RepositoryId> = call
        .state
        .covered(one)
        .into_iter()
        .filter(|id| narrowed.is_none_or(|narrowed| narrowed.contains(id)))
        .collect();
    let selected = one.repositories.is_some() || narrowed.is_some();
    repository_list(call, "/installation/repositories", &ids, selected)
}

/// `GET /user/installations`: those of the App that the user authorized.
pub(super) fn of_user(call: &Call<'_>) -> Answer {
    let Some(token) = call.viewer.token else {
        return errors::requires_authentication();
    };
    let Some(app) = token.app.and_then(|id| call.state.apps.get(&id)) else {
        return errors::error(
            403,
            "You must authenticate with an access token authorized to a GitHub App in order to list installations",
        );
    };
    let seen: Vec<&Installation> = call
        .state
        .installations
        .values()
        .filter(|one| one.app == app.id)
        .filter(|one| call.state.may_see_installation(token.user, one))
        .collect();
    let page = call.page(seen.len());
    let items = page.slice(&seen).iter();
    let items = items.map(|one| shown(call, app, one)).collect();
    let more = [("installations", Value::Array(items))];
    counted(call, "/user/installations", page, more)
}

/// `GET /user/installations/{id}/repositories`: where user and installation meet.
pub(super) fn repositories_for_user(call: &Call<'_>, id: &str) -> Answer {
    let Some(token) = call.viewer.token else {
        return errors::requires_authentication();
    };
    let found = id
        .parse()
        .ok()
        .and_then(|id| call.state.installation(id))
        .filter(|one| Some(one.app) == token.app)
        .filter(|one| call.state.may_see_installation(token.user, one));
    let Some(one) = found else {
        return errors::not_found();
    };
    let may_see = |repository: &&Repository| call.state.access(token.user, repository).is_some();
    let ids: Vec<RepositoryId> = call
        .state
        .covered(one)
        .into_iter()
        .filter_map(|id| call.state.repository(id))
        .filter(may_see)
        .map(|repository| repository.id)
        .collect();
    let path = format!("/user/installations/{}/repositories", one.id);
    repository_list(call, &path, &ids, one.repositories.is_some())
}

fn repository_list(call: &Call<'_>, path: &str, ids: &[RepositoryId], selected: bool) -> Answer {
    let page = call.page(ids.len());
    let items = page
        .slice(ids)
        .iter()
        .filter_map(|id| call.state.repository(*id))
        .map(|repository| Value::Object(call.repository_item(repository)))
        .collect();
    let more = [
        ("repository_selection", selection(selected).into()),
        ("repositories", Value::Array(items)),
    ];
    counted(call, path, page, more)
}

/// An object with the total, and the links of a list around it.
fn counted<const N: usize>(
    call: &Call<'_>,
    path: &str,
    page: Page,
    more: [(&str, Value); N],
) -> Answer {
    let listed = call.listed(path, page, Vec::new());
    let mut body = json!({ "total_count": page.total });
    for (name, value) in more {
        body[name] = value;
    }
    let mut answer = answer::json(200, &body);
    if let Some(link) = listed.headers().get("link") {
        answer.headers_mut().insert("link", link.clone());
    }
    answer
}
