//! GitHub's hooks of repositories, and the lists of deliveries of a hook and of an App.
//!
//! Source: GitHub REST documentation, "Repository webhooks" and "GitHub App webhooks". Lists go from the newest back, by a
//! cursor; what is older than three days is not kept.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use serde_json::{Value, json};

use super::api::{administered, nothing, of, own};
use crate::answer::{self, Answer, Asked, set};
use crate::face::Face;
use crate::forge::Forge;
use crate::github as github_face;
use crate::model::{Access, App, Found, Hook, HookId, HookPlace, Sent, State};

/// How long deliveries are kept.
const KEPT: TimeDelta = TimeDelta::days(3);

const DOCUMENTATION: &str = "https://docs.github.com/rest";

fn refused(status: u16) -> Answer {
    answer::json(
        status,
        &json!({ "message": "refused", "documentation_url": DOCUMENTATION }),
    )
}

/// 422 for a hook that cannot be.
fn invalid(message: &str) -> Answer {
    let errors = json!([{ "resource": "Hook", "code": "custom", "message": message }]);
    answer::json(
        422,
        &json!({ "message": "Validation Failed", "errors": errors, "documentation_url": DOCUMENTATION }),
    )
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `/repos/{owner}/{repo}/hooks`.
pub(crate) fn github(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (place, rest) = match segments.as_slice() {
        ["repos", owner, name, "hooks", rest @ ..] => (Ok((*owner, *name)), rest),
        ["repositories", id, "hooks", rest @ ..] => (Err(id.parse().ok()?), rest),
        _ => return None,
    };
    Some(forge.edit(|state| {
        let found = match place {
            Ok((owner, name)) => match state.find(owner, name) {
                Found::Here(found) => Some(found),
                _ => None,
            },
            Err(id) => state.repository(id),
        };
        let secret = github_face::credential(&asked.headers);
        let repository = match administered(state, secret, found, Access::Admin) {
            Ok(id) => id,
            // Whoever does not administer a repository is told that there are no hooks.
            Err(403) => return refused(404),
            Err(status) => return refused(status),
        };
        let now = state.now();
        let full_name = state.repository(repository).map(|one| format!("{}/{}", state.full_path(one.owner), one.name));
        let list = format!("{}/repos/{}/hooks", asked.base.api, full_name.unwrap_or_default());
        let told: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let answered: BTreeMap<HookId, Option<u16>> = state.sent().iter().map(|sent| (sent.hook, sent.status)).collect();
        let shown = |hook: &Hook| {
            let last = match answered.get(&hook.id) {
                None => json!({ "code": null, "status": "unused", "message": null }),
                Some(Some(code)) if (200..300).contains(code) => json!({ "code": code, "status": "active", "message": "OK" }),
                Some(Some(code)) => json!({ "code": code, "status": "invalid_http_response", "message": format!("Invalid HTTP Response: {code}") }),
                Some(None) => json!({ "code": 502, "status": "connection_error", "message": "failed to connect to host" }),
            };
            let own = format!("{list}/{}", hook.id);
            json!({ "type": "Repository", "id": hook.id, "url": own, "test_url": format!("{own}/test"),
                "ping_url": format!("{own}/pings"), "deliveries_url": format!("{own}/deliveries"),
                "created_at": time(hook.created_at), "updated_at": time(hook.updated_at),
                "name": "web", "active": hook.active, "events": hook.events,
                "config": { "url": hook.url, "content_type": "json", "insecure_ssl": "0", "secret": "********" },
                "last_response": last })
        };
        let change = |hook: &mut Hook| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            if let Some(url) = text(&told["config"]["url"]) {
                hook.url = url;
            }
            if let Some(secret) = text(&told["config"]["secret"]) {
                hook.secret = Some(secret);
            }
            if let Some(events) = told["events"].as_array() {
                hook.events = events.iter().filter_map(text).collect();
            }
            hook.active = told["active"].as_bool().unwrap_or(hook.active);
            hook.updated_at = now;
        };
        match (&asked.method, rest) {
            (&Method::GET, []) => {
                let all: Vec<Value> = of(state, Face::GitHub, repository).into_iter().map(shown).collect();
                answer::json(200, &json!(all))
            }
            (&Method::POST, []) => {
                let Some(url) = told["config"]["url"].as_str().filter(|url| !url.is_empty()) else {
                    return invalid("Config must contain URL for webhooks");
                };
                if of(state, Face::GitHub, repository).iter().any(|hook| hook.url == url) {
                    return invalid("Hook already exists on this repository");
                }
                let id = state.add_hook(Face::GitHub, HookPlace::Repository(repository), "", "");
                let Some(hook) = state.hooks.all.get_mut(&id) else { return refused(404) };
                change(hook);
                let mut made = answer::json(201, &shown(hook));
                set(&mut made, "location", format!("{list}/{id}"));
                made
            }
            (method, [id]) => {
                let Some(id) = own(state, Face::GitHub, repository, id) else { return refused(404) };
                if method == Method::DELETE {
                    state.remove_hook(id);
                    return nothing();
                }
                let Some(hook) = state.hooks.all.get_mut(&id) else { return refused(404) };
                if method == Method::PATCH {
                    change(hook);
                }
                answer::json(200, &shown(hook))
            }
            (&Method::GET, [id, "deliveries", delivery @ ..]) => {
                let Some(id) = own(state, Face::GitHub, repository, id) else { return refused(404) };
                deliveries(state, asked, &[id], delivery)
            }
            _ => refused(404),
        }
    }))
}

/// `/app/hook/deliveries`, for an App that has said who it is.
pub(crate) fn as_app(state: &State, asked: &Asked, app: &App, rest: &[&str]) -> Answer {
    let place = HookPlace::App(app.id);
    let hooks: Vec<HookId> = state
        .hooks()
        .filter(|hook| hook.place == place)
        .map(|hook| hook.id)
        .collect();
    deliveries(state, asked, &hooks, rest)
}

fn deliveries(state: &State, asked: &Asked, hooks: &[HookId], rest: &[&str]) -> Answer {
    let now = state.now();
    let mut all: Vec<&Sent> = state
        .sent()
        .iter()
        .filter(|sent| hooks.contains(&sent.hook) && now - sent.at <= KEPT)
        .collect();
    all.sort_by_key(|sent| std::cmp::Reverse(sent.id));
    match rest {
        [] => {
            let per_page = asked
                .query
                .get("per_page")
                .and_then(|text| text.parse().ok())
                .unwrap_or(30);
            let cursor = asked
                .query
                .get("cursor")
                .and_then(|text| text.parse::<u64>().ok());
            let from: Vec<&&Sent> = all
                .iter()
                .filter(|sent| cursor.is_none_or(|cursor| sent.id <= cursor))
                .collect();
            let items: Vec<Value> = from.iter().take(per_page).map(|sent| item(sent)).collect();
            let mut answer = answer::json(200, &json!(items));
            if let Some(next) = from.get(per_page) {
                let url = format!(
                    "{}{}?per_page={per_page}&cursor={}",
                    asked.base.api, asked.path, next.id
                );
                set(&mut answer, "link", format!("<{url}>; rel=\"next\""));
            }
            answer
        }
        [id] => {
            let found = all.iter().find(|sent| sent.id.to_string() == *id);
            let Some(sent) = found else {
                return refused(404);
            };
            let mut shown = item(sent);
            let headers: serde_json::Map<String, Value> = sent
                .headers
                .iter()
                .map(|(name, value)| (title(name), Value::from(value.as_str())))
                .collect();
            let payload: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
            shown["request"] = json!({ "headers": headers, "payload": payload });
            shown["response"] = json!({ "headers": {}, "payload": "" });
            answer::json(200, &shown)
        }
        _ => refused(404),
    }
}

/// `x-github-event` as `X-Github-Event`, more or less as GitHub shows it.
fn title(name: &str) -> String {
    let parts: Vec<String> = name
        .split('-')
        .map(|part| {
            let mut letters = part.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        })
        .collect();
    parts.join("-")
}

fn item(sent: &Sent) -> Value {
    let payload: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
    json!({ "id": sent.id, "guid": sent.guid, "delivered_at": sent.at, "redelivery": false, "duration": 0.1,
        "status": if sent.status.is_some() { "OK" } else { "failed to connect to host" },
        "status_code": sent.status.unwrap_or(0), "event": sent.event, "action": sent.action,
        "installation_id": payload["installation"]["id"], "repository_id": payload["repository"]["id"] })
}
