//! What an App does for itself: its facts, its installations, tokens for them.
//!
//! Source: GitHub REST documentation, "GitHub Apps" and "GitHub App installations".

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::installations::shown;
use super::{Call, assertion, caller, errors};
use crate::answer::{self, Answer, Asked};
use crate::forge::Forge;
use crate::model::{App, Installation, InstallationId, MintRefusal, Narrowing, State, Viewer};

/// Answers what changes something, or nothing where the request is of another kind.
pub(super) fn act(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&asked.method, segments.as_slice()) {
        (&Method::POST, ["app", "installations", id, "access_tokens"]) => {
            Some(forge.edit(|state| mint(state, asked, id)))
        }
        (&Method::DELETE, ["installation", "token"]) => {
            Some(forge.edit(|state| give_back(state, asked)))
        }
        _ => None,
    }
}

/// Answers what an App asks with its assertion, or nothing where the path is not an App's.
pub(super) fn as_app(forge: &Forge, state: &State, asked: &Asked, version: &str) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (["app", ..] | ["users" | "orgs", _, "installation"] | ["repos", _, _, "installation"]) =
        segments.as_slice()
    else {
        return None;
    };
    let app = match assertion::verify(state, asked) {
        Ok(app) => app,
        Err(refusal) => return Some(refusal),
    };
    let viewer = Viewer { state, token: None };
    let call = Call {
        forge,
        state,
        asked,
        viewer,
        version,
    };
    Some(match segments.as_slice() {
        _ if !asked.is_get() => errors::not_found(),
        ["app"] => facts(&call, app),
        ["app", "hook", "deliveries", rest @ ..] => crate::hooks::as_app(state, asked, app, rest),
        ["app", "installations"] => list(&call, app),
        ["app", "installations", id] => one(&call, app, own(state, app, id)),
        ["users" | "orgs", login, "installation"] => {
            let account = state.owner_named(login).map(|owner| owner.id);
            let found = of(state, app).find(|one| Some(one.account) == account);
            one(&call, app, found)
        }
        ["repos", login, name, "installation"] => {
            let repository = match state.find(login, name) {
                crate::model::Found::Here(found) => Some(found.id),
                _ => None,
            };
            let covers =
                |one: &&Installation| repository.is_some_and(|id| state.covered(one).contains(&id));
            one(&call, app, of(state, app).find(covers))
        }
        _ => errors::not_found(),
    })
}

fn of<'a>(state: &'a State, app: &App) -> impl Iterator<Item = &'a Installation> {
    let app = app.id;
    state
        .installations
        .values()
        .filter(move |one| one.app == app)
}

fn own<'a>(state: &'a State, app: &App, id: &str) -> Option<&'a Installation> {
    let id: InstallationId = id.parse().ok()?;
    state.installation(id).filter(|one| one.app == app.id)
}

fn one(call: &Call<'_>, app: &App, found: Option<&Installation>) -> Answer {
    match found {
        Some(found) => answer::json(200, &shown(call, app, found)),
        None => errors::not_found(),
    }
}

fn list(call: &Call<'_>, app: &App) -> Answer {
    let all: Vec<&Installation> = of(call.state, app).collect();
    let page = call.page(all.len());
    let items = page.slice(&all).iter();
    let items = items.map(|one| shown(call, app, one)).collect();
    call.listed("/app/installations", page, items)
}

fn facts(call: &Call<'_>, app: &App) -> Answer {
    let owner = call.state.owner(app.owner);
    let body = json!({
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": super::render::node_id("Integration", app.id),
        "owner": owner.map(|owner| call.simple_user(owner)),
        "name": app.slug,
        "description": null,
        "external_url": call.asked.base.web,
        "html_url": format!("{}/apps/{}", call.asked.base.web, app.slug),
        "created_at": super::render::time(app.created_at),
        "updated_at": super::render::time(app.created_at),
        "permissions": app.permissions,
        "events": [],
        "installations_count": of(call.state, app).count(),
    });
    answer::json(200, &body)
}

fn mint(state: &mut State, asked: &Asked, id: &str) -> Answer {
    let app = match assertion::verify(state, asked) {
        Ok(app) => app,
        Err(refusal) => return refusal,
    };
    let Some(found) = own(state, app, id) else {
        return errors::not_found();
    };
    if found.suspended_at.is_some() {
        return errors::suspended();
    }
    let Some(narrowing) = narrowing(&asked.body) else {
        return errors::error(400, "Problems parsing JSON");
    };
    let (id, selected) = (found.id, found.repositories.is_some());
    let (secret, end) = match state.mint_installation(id, narrowing) {
        Ok(minted) => minted,
        Err(refusal) => return refused(refusal),
    };
    let token = state.token_of_secret(&secret);
    let narrowed = token.is_some_and(|token| token.repositories.is_some());
    let permissions = token.and_then(|token| token.installation.as_ref());
    let body = json!({
        "token": secret,
        "expires_at": super::render::time(end),
        "permissions": permissions.map(|(_, permissions)| permissions),
        "repository_selection": if selected || narrowed { "selected" } else { "all" },
    });
    answer::json(201, &body)
}

fn narrowing(body: &[u8]) -> Option<Narrowing> {
    if body.is_empty() {
        return Some(Narrowing::default());
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let permissions = body["permissions"].as_object().map(|wanted| {
        let pairs = wanted.iter();
        let pairs = pairs.filter_map(|(name, level)| Some((name.clone(), level.as_str()?.into())));
        pairs.collect::<BTreeMap<String, String>>()
    });
    Some(Narrowing {
        repositories: list("repositories")
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        repository_ids: list("repository_ids")
            .iter()
            .filter_map(Value::as_u64)
            .collect(),
        permissions,
    })
}

fn refused(refusal: MintRefusal) -> Answer {
    errors::conflicting(match refusal {
        MintRefusal::Repository => {
            "There is at least one repository that does not exist or is not accessible to the parent installation."
        }
        MintRefusal::Permission => {
            "The permissions requested are not granted to this installation."
        }
        MintRefusal::TooMany => "A token can be limited to at most 500 repositories.",
    })
}

fn give_back(state: &mut State, asked: &Asked) -> Answer {
    let secret = caller::credential(&asked.headers).unwrap_or_default();
    let is_installation = match caller::authenticate(state, asked) {
        Err(refusal) => return refusal,
        Ok(token) => token.is_some_and(|token| token.installation.is_some()),
    };
    if !is_installation {
        return errors::not_found();
    }
    state.revoke(&secret);
    let mut done = answer::bytes(204, "", "");
    done.headers_mut().remove(http::header::CONTENT_TYPE);
    done
}
