//! What GitLab and Azure DevOps remember of what a hook has sent, and how they mark one that fails.
//!
//! Sources: GitLab, "Project webhooks API" (events since 17.3: seven days, newest first, at most twenty a page; the secret
//! blotted out) and "Webhooks" ("Re-enable disabled webhooks": by a test that is answered with success); Microsoft, "Service
//! hooks" REST API 7.1 (notifications: fourteen days, the newest `maxResults`; details with one alone).

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};

use super::deliver::send;
use super::payload::{Happened, told};
use super::sign::{Letter, Scheme};
use crate::answer::{self, Answer, Asked, set};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{Hook, HookId, RepositoryId, Sent, State};

const GITLAB_KEPT: TimeDelta = TimeDelta::days(7);
const AZURE_KEPT: TimeDelta = TimeDelta::days(14);

/// What a hook has sent and is still remembered, newest first.
pub(super) fn remembered(state: &State, hook: HookId, kept: TimeDelta) -> Vec<&Sent> {
    let now = state.now();
    let own = |sent: &&Sent| sent.hook == hook && now - sent.at <= kept;
    let mut all: Vec<&Sent> = state.sent().iter().filter(own).collect();
    all.sort_by_key(|sent| std::cmp::Reverse(sent.id));
    all
}

fn is_success(sent: &Sent) -> bool {
    sent.status.is_some_and(|code| (200..300).contains(&code))
}

/// Whether the last deliveries of a hook, so many of them, were all refused or lost.
pub(super) fn is_failing(state: &State, hook: HookId, count: usize) -> bool {
    let all = remembered(state, hook, AZURE_KEPT);
    all.len() >= count && all.iter().take(count).all(|sent| !is_success(sent))
}

/// `X-Gitlab-Event` and so on, as GitLab writes them.
fn titled(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    parts.collect::<Vec<_>>().join("-")
}

/// Whether an instance of this version lists what hooks have sent.
fn lists(version: &str) -> bool {
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next(), parts.next()) >= (Some(17), Some(3))
}

/// `/projects/:id/hooks/:hook_id/events`.
pub(super) fn gitlab_events(state: &State, asked: &Asked, hook: HookId) -> Answer {
    if !lists(&state.settings.gitlab.version) {
        return answer::json(404, &json!({ "error": "404 Not Found" }));
    }
    let number = |name: &str, default: usize| {
        let told = asked.query.get(name).and_then(|text| text.parse().ok());
        told.unwrap_or(default)
    };
    let (page, per_page) = (number("page", 1), number("per_page", 20));
    if !(1..=20).contains(&per_page) {
        return answer::json(
            400,
            &json!({ "error": "per_page does not have a valid value" }),
        );
    }
    let all = remembered(state, hook, GITLAB_KEPT);
    let shown: Vec<Value> = all
        .iter()
        .skip((page - 1) * per_page)
        .take(per_page)
        .map(|sent| {
            let headers: serde_json::Map<String, Value> = sent
                .headers
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "x-gitlab-token" => (titled(name), "[REDACTED]".into()),
                    _ => (titled(name), value.as_str().into()),
                })
                .collect();
            let data: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
            let status = sent.status.map(|code| code.to_string());
            json!({ "id": sent.id, "url": state.hooks.all.get(&hook).map(|hook| hook.url.clone()),
                "trigger": "push_hooks", "request_headers": headers, "request_data": data, "response_headers": {},
                "response_body": "", "execution_duration": 0.1,
                "response_status": status.unwrap_or_else(|| "internal error".to_owned()), "created_at": sent.at })
        })
        .collect();
    let mut answer = answer::json(200, &Value::Array(shown));
    let more = all.len() > page * per_page;
    set(&mut answer, "x-page", page);
    set(
        &mut answer,
        "x-next-page",
        if more {
            (page + 1).to_string()
        } else {
            String::new()
        },
    );
    answer
}

/// `/projects/:id/hooks/:hook_id/test/push_events`: sent at once, a push of the default branch as it stands.
pub(super) fn gitlab_test(
    forge: &Forge,
    state: &mut State,
    asked: &Asked,
    hook: &Hook,
    of: RepositoryId,
) -> Answer {
    let head = state.repository(of).and_then(|repository| {
        let branch = &repository.default_branch;
        repository
            .branches
            .iter()
            .find(|one| one.name == *branch)
            .cloned()
    });
    let Some(head) = head else {
        return answer::json(
            422,
            &json!({ "message": "Ensure the project has at least one commit." }),
        );
    };
    let sha = Some(head.sha);
    let Some(told) = told(
        state,
        Face::GitLab,
        &asked.base.web,
        &Happened::Push(of, head.name, sha.clone(), sha),
    ) else {
        return answer::json(404, &json!({ "message": "404 Not found" }));
    };
    let id = state.hooks.number();
    let letter = Letter {
        id: format!("test-{id}"),
        event: told.event,
        body: told.body.to_string().into_bytes(),
        at: state.now(),
    };
    let scheme = if hook.signs {
        Scheme::GitLabSigned
    } else {
        Scheme::GitLabToken
    };
    let mut sent = Sent {
        id,
        guid: letter.id.clone(),
        hook: hook.id,
        event: letter.event.clone(),
        action: None,
        at: letter.at,
        headers: letter.headers(scheme, hook.secret.as_deref().unwrap_or_default()),
        body: letter.body,
        status: None,
    };
    let (forge, url) = (forge.clone(), hook.url.clone());
    tokio::spawn(async move {
        sent.status = send(&url, &sent).await;
        forge.edit(|state| {
            if is_success(&sent)
                && let Some(hook) = state.hooks.all.get_mut(&sent.hook)
            {
                hook.active = true;
            }
            state.hooks.sent.push(sent);
        });
    });
    answer::json(201, &json!({ "message": "201 Created" }))
}

/// `…/subscriptions/{id}/notifications`, and one of them.
pub(super) fn azure_notifications(
    state: &State,
    asked: &Asked,
    hook: &Hook,
    rest: &[&str],
) -> Answer {
    if asked.method != Method::GET {
        return answer::json(405, &json!({ "$id": "1", "message": "not allowed" }));
    }
    let all = remembered(state, hook.id, AZURE_KEPT);
    let subscription = super::api::subscription_id(hook.id);
    let shown = |sent: &Sent, detailed: bool| {
        let result = if is_success(sent) {
            "succeeded"
        } else {
            "failed"
        };
        let mut told = json!({ "id": sent.id, "subscriptionId": subscription, "eventId": sent.guid, "status": "completed",
            "result": result, "createdDate": sent.at, "modifiedDate": sent.at });
        if detailed {
            let event: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
            told["details"] = json!({ "eventType": sent.event, "event": event, "publisherId": "tfs", "consumerId": "webHooks",
                "consumerActionId": "httpRequest", "requestAttempts": 1 });
        }
        told
    };
    match rest {
        [] => {
            let most = asked
                .query
                .get("maxResults")
                .and_then(|text| text.parse().ok())
                .unwrap_or(100);
            let value: Vec<Value> = all
                .iter()
                .take(most)
                .map(|sent| shown(sent, false))
                .collect();
            answer::json(200, &json!({ "count": value.len(), "value": value }))
        }
        [id] => match all.iter().find(|sent| sent.id.to_string() == *id) {
            Some(sent) => answer::json(200, &shown(sent, true)),
            None => answer::json(
                404,
                &json!({ "$id": "1", "message": "no such notification" }),
            ),
        },
        _ => answer::json(404, &json!({ "$id": "1", "message": "no such page" })),
    }
}
