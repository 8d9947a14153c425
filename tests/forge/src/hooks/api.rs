//! Setting hooks up at GitLab, Bitbucket and Azure DevOps: what their documentation says of creating, listing, changing and
//! deleting them, for those who administer the repository.

use http::Method;
use serde_json::{Value, json};

use super::lists;
use crate::answer::{self, Answer, Asked};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{
    Access, Found, Hook, HookId, HookPlace, Repository, RepositoryId, State, Viewer,
};
use crate::{azure as azure_face, bitbucket as bitbucket_face, gitlab as gitlab_face};

/// The repository that the caller administers, or the status of a refusal.
pub(super) fn administered(
    state: &State,
    secret: Option<String>,
    repository: Option<&Repository>,
    least: Access,
) -> Result<RepositoryId, u16> {
    let token = secret.and_then(|secret| state.token_of_secret(&secret));
    let token = token
        .filter(|token| token.is_active(state.now()))
        .ok_or(401_u16)?;
    let repository = repository.ok_or(404_u16)?;
    let viewer = Viewer {
        state,
        token: Some(token),
    };
    match viewer.access(repository) {
        Some(access) if access >= least => Ok(repository.id),
        Some(_) => Err(403),
        None => Err(404),
    }
}

/// The hooks of a repository at a face.
pub(super) fn of(state: &State, face: Face, repository: RepositoryId) -> Vec<&Hook> {
    let place = HookPlace::Repository(repository);
    state
        .hooks()
        .filter(|hook| hook.face == face && hook.place == place)
        .collect()
}

pub(super) fn own(state: &State, face: Face, repository: RepositoryId, id: &str) -> Option<HookId> {
    let id: HookId = id.parse().ok()?;
    of(state, face, repository)
        .iter()
        .any(|hook| hook.id == id)
        .then_some(id)
}

pub(super) fn nothing() -> Answer {
    let mut done = answer::bytes(204, "", "");
    done.headers_mut().remove(http::header::CONTENT_TYPE);
    done
}

fn body(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// What a hook of a GitLab project can send.
const GITLAB_EVENTS: [&str; 17] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "repository_update_events",
];

/// `/projects/:id/hooks`.
pub(crate) fn gitlab(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["projects", project, "hooks", rest @ ..] = segments.as_slice() else {
        return None;
    };
    Some(forge.edit(|state| {
        let found = match project.parse() {
            Ok(id) => state.repository(id),
            Err(_) => match state.find_path(project) {
                Found::Here(found) => Some(found),
                _ => None,
            },
        };
        let secret = gitlab_face::credential(asked);
        let repository = match administered(state, secret, found, Access::Maintain) {
            Ok(id) => id,
            Err(status) => return answer::json(status, &json!({ "message": format!("{status} refused") })),
        };
        let missing = || answer::json(404, &json!({ "message": "404 Not found" }));
        let told = body(asked);
        let now = state.now();
        let signs_here = state.settings.gitlab.signs_webhooks;
        let shown = |hook: &Hook| {
            let mut shown = json!({ "id": hook.id, "url": hook.url, "project_id": repository, "created_at": hook.created_at,
                "enable_ssl_verification": true, "alert_status": if hook.active { "executable" } else { "disabled" } });
            for event in GITLAB_EVENTS {
                shown[event] = hook.events.iter().any(|one| one == event).into();
            }
            shown
        };
        let change = |hook: &mut Hook| {
            if let Some(url) = text(&told["url"]) {
                hook.url = url;
            }
            if let Some(token) = text(&told["token"]) {
                hook.secret = Some(token);
                hook.signs = false;
            }
            if let Some(token) = text(&told["signing_token"]).filter(|_| signs_here) {
                hook.secret = Some(token);
                hook.signs = true;
            }
            hook.events = told.as_object().into_iter().flatten()
                .filter(|(name, on)| name.ends_with("_events") && **on == Value::Bool(true))
                .map(|(name, _)| name.clone()).collect();
            hook.updated_at = now;
        };
        match (&asked.method, rest) {
            (&Method::GET, []) => {
                let all: Vec<Value> = of(state, Face::GitLab, repository).into_iter().map(shown).collect();
                answer::json(200, &json!(all))
            }
            (&Method::POST, []) => {
                if text(&told["url"]).is_none() {
                    return answer::json(400, &json!({ "error": "url is missing" }));
                }
                let id = state.add_hook(Face::GitLab, HookPlace::Repository(repository), "", "");
                let Some(hook) = state.hooks.all.get_mut(&id) else { return missing() };
                hook.secret = None;
                change(hook);
                answer::json(201, &shown(hook))
            }
            (method, [id]) => {
                let Some(id) = own(state, Face::GitLab, repository, id) else { return missing() };
                if method == Method::DELETE {
                    state.remove_hook(id);
                    return nothing();
                }
                let Some(hook) = state.hooks.all.get_mut(&id) else { return missing() };
                if method == Method::PUT {
                    change(hook);
                }
                answer::json(200, &shown(hook))
            }
            (&Method::GET, [id, "events"]) => match own(state, Face::GitLab, repository, id) {
                Some(id) => lists::gitlab_events(state, asked, id),
                None => missing(),
            },
            (&Method::POST, [id, "test", "push_events"]) => {
                let hook = own(state, Face::GitLab, repository, id).and_then(|id| state.hooks.all.get(&id).cloned());
                let Some(hook) = hook else { return missing() };
                lists::gitlab_test(forge, state, asked, &hook, repository)
            }
            _ => missing(),
        }
    }))
}

/// `/repositories/{workspace}/{slug}/hooks`.
pub(crate) fn bitbucket(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["repositories", workspace, slug, "hooks", rest @ ..] = segments.as_slice() else {
        return None;
    };
    Some(forge.edit(|state| {
        // Beside a UUID the workspace may be left open.
        let found = match bitbucket_face::repository_of(slug) {
            Some(id) => state.repository(id),
            None => match state.find(workspace, slug) {
                Found::Here(found) => Some(found),
                _ => None,
            },
        };
        let secret = bitbucket_face::credential(asked);
        let problem = |status: u16| answer::json(status, &json!({ "type": "error", "error": { "message": format!("{status}") } }));
        let repository = match administered(state, secret, found, Access::Admin) {
            Ok(id) => id,
            Err(status) => return problem(status),
        };
        let told = body(asked);
        let now = state.now();
        let full_name = state.repository(repository).map(|one| format!("{}/{}", state.full_path(one.owner), one.name)).unwrap_or_default();
        let subject = json!({ "type": "repository", "uuid": crate::repository_uuid(repository), "full_name": full_name,
            "name": full_name.rsplit('/').next() });
        let shown = |hook: &Hook| json!({ "type": "webhook_subscription", "uuid": format!("{{{}}}", hook.id), "url": hook.url,
            "active": hook.active, "events": hook.events, "secret_set": hook.secret.is_some(), "created_at": hook.created_at,
            "subject_type": "repository", "subject": subject });
        let change = |hook: &mut Hook| {
            if let Some(url) = text(&told["url"]) {
                hook.url = url;
            }
            if let Some(secret) = text(&told["secret"]) {
                hook.secret = Some(secret);
            }
            if let Some(events) = told["events"].as_array() {
                hook.events = events.iter().filter_map(text).collect();
            }
            hook.active = told["active"].as_bool().unwrap_or(true);
            hook.updated_at = now;
        };
        // A hook sends something, and somewhere.
        let sends_something = told["events"].as_array().is_some_and(|events| !events.is_empty());
        match (&asked.method, rest) {
            (&Method::GET, []) => {
                let all: Vec<Value> = of(state, Face::Bitbucket, repository).into_iter().map(shown).collect();
                answer::json(200, &json!({ "pagelen": 100, "values": all, "page": 1, "size": all.len() }))
            }
            (&Method::POST, []) if !sends_something || text(&told["url"]).is_none() => problem(400),
            (&Method::POST, []) => {
                let id = state.add_hook(Face::Bitbucket, HookPlace::Repository(repository), "", "");
                let Some(hook) = state.hooks.all.get_mut(&id) else { return problem(404) };
                change(hook);
                let mut made = answer::json(201, &shown(hook));
                let url = format!("{}/repositories/{full_name}/hooks/%7B{id}%7D", asked.base.api);
                answer::set(&mut made, "location", url);
                made
            }
            (method, [id]) => {
                let id = id.trim_matches(['{', '}']);
                let Some(id) = own(state, Face::Bitbucket, repository, id) else { return problem(404) };
                if method == Method::DELETE {
                    state.remove_hook(id);
                    return nothing();
                }
                let Some(hook) = state.hooks.all.get_mut(&id) else { return problem(404) };
                if method == Method::PUT {
                    change(hook);
                }
                answer::json(200, &shown(hook))
            }
            _ => problem(404),
        }
    }))
}

/// `/{organization}/_apis/hooks/subscriptions`: one event each.
pub(crate) fn azure(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [organization, "_apis", "hooks", "subscriptions", rest @ ..] = segments.as_slice() else {
        return None;
    };
    let list = format!(
        "{}/{organization}/_apis/hooks/subscriptions",
        asked.base.api
    );
    Some(forge.edit(|state| {
        let told = body(asked);
        let now = state.now();
        let secret = azure_face::credential(asked);
        let problem = |status: u16| answer::json(status, &json!({ "$id": "1", "message": format!("refused with {status}") }));
        let failing: Vec<HookId> = state.hooks().map(|hook| hook.id).filter(|id| lists::is_failing(state, *id, 3)).collect();
        let shown = |hook: &Hook| {
            let repository = match hook.place {
                HookPlace::Repository(id) => crate::azure_repository_id(id),
                HookPlace::App(_) => String::new(),
            };
            let status = match hook.active {
                false => "disabledBySystem",
                true if failing.contains(&hook.id) => "onProbation",
                true => "enabled",
            };
            let id = subscription_id(hook.id);
            json!({ "id": id, "url": format!("{list}/{id}"), "status": status, "resourceVersion": "1.0",
                "createdDate": hook.created_at, "modifiedDate": hook.updated_at,
                "eventType": hook.events.first(), "publisherId": "tfs", "consumerId": "webHooks", "consumerActionId": "httpRequest",
                "publisherInputs": { "repository": repository }, "consumerInputs": { "url": hook.url, "basicAuthUsername": "mooring" } })
        };
        let token = secret.clone().and_then(|secret| state.token_of_secret(&secret).cloned());
        if token.is_none_or(|token| !token.is_active(state.now())) {
            return problem(401);
        }
        if let Err(refusal) = azure_face::released(asked) {
            return refusal;
        }
        match (&asked.method, rest) {
            (&Method::GET, []) => {
                let all: Vec<Value> = state.hooks().filter(|hook| hook.face == Face::Azure).map(shown).collect();
                answer::json(200, &json!({ "count": all.len(), "value": all }))
            }
            (&Method::POST, []) => {
                let named = text(&told["publisherInputs"]["repository"]).unwrap_or_default();
                let found = state.repositories().find(|one| crate::azure_repository_id(one.id) == named);
                let repository = match administered(state, secret, found, Access::Admin) {
                    Ok(id) => id,
                    Err(status) => return problem(status),
                };
                let inputs = &told["consumerInputs"];
                let url = text(&inputs["url"]).unwrap_or_default();
                let password = text(&inputs["basicAuthPassword"]).unwrap_or_default();
                let id = state.add_hook(Face::Azure, HookPlace::Repository(repository), &url, &password);
                let Some(hook) = state.hooks.all.get_mut(&id) else { return problem(404) };
                hook.events = text(&told["eventType"]).into_iter().collect();
                answer::json(200, &shown(hook))
            }
            (_, [id, "notifications", rest @ ..]) => {
                let hook = state.hooks().find(|hook| hook.face == Face::Azure && subscription_id(hook.id) == *id).cloned();
                let Some(hook) = hook else { return problem(404) };
                lists::azure_notifications(state, asked, &hook, rest)
            }
            (method, [id]) => {
                let id = id.split('-').next().and_then(|id| u64::from_str_radix(id, 16).ok()).unwrap_or(0);
                if !state.hooks().any(|hook| hook.id == id && hook.face == Face::Azure) {
                    return problem(404);
                }
                if method == Method::DELETE {
                    state.remove_hook(id);
                    return nothing();
                }
                let Some(hook) = state.hooks.all.get_mut(&id) else { return problem(404) };
                if method == Method::PUT {
                    let inputs = &told["consumerInputs"];
                    hook.url = text(&inputs["url"]).unwrap_or_default();
                    hook.secret = text(&inputs["basicAuthPassword"]);
                    hook.updated_at = now;
                    if told["status"] == "enabled" {
                        hook.active = true;
                    }
                }
                answer::json(200, &shown(hook))
            }
            _ => problem(404),
        }
    }))
}

/// The id under which Azure DevOps shows a hook.
pub fn subscription_id(hook: HookId) -> String {
    format!("{hook:08x}-0000-4000-8000-000000000000")
}
