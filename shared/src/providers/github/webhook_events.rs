//! What GitHub's deliveries say. Source: GitHub documentation, "Webhook events and payloads".

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::webhook::{
    self, BranchMove, CommitPaths, Happening, HookEvent, InstallationChange, Malformed,
    PullRequest, PullRequestChange, Push, RepositoryChange, ToldRepository, branch, commit, moment,
    touched,
};
use super::webhook::payload;
use crate::domain::webhook::DeliveryHeaders;

#[derive(Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Option<Repository>,
    installation: Option<Installation>,
    sender: Option<Account>,
    #[serde(default)]
    repositories_added: Vec<Repository>,
    #[serde(default)]
    repositories_removed: Vec<Repository>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    #[serde(default)]
    commits: Vec<CommitPaths>,
    pull_request: Option<Pull>,
}

#[derive(Deserialize)]
struct Account {
    id: Option<u64>,
}

/// In a push, dates of a repository are seconds.
#[derive(Deserialize)]
struct Repository {
    id: u64,
    name: Option<String>,
    full_name: Option<String>,
    html_url: Option<String>,
    clone_url: Option<String>,
    ssh_url: Option<String>,
    private: Option<bool>,
    default_branch: Option<String>,
    #[serde(default, deserialize_with = "told")]
    description: Option<Option<String>>,
    language: Option<String>,
    archived: Option<bool>,
    fork: Option<bool>,
    size: Option<i64>,
    #[serde(default, deserialize_with = "moment")]
    pushed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<DateTime<Utc>>,
}

/// Told as null is told.
fn told<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Installation {
    id: i64,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "moment")]
    suspended_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Pull {
    number: i64,
    title: Option<String>,
    merged: Option<bool>,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<DateTime<Utc>>,
    head: Option<Side>,
    base: Option<Side>,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    reference: Option<String>,
    sha: Option<String>,
}

impl From<Repository> for ToldRepository {
    fn from(told: Repository) -> Self {
        Self {
            id: told.id.to_string(),
            full_name: told.full_name,
            name: told.name,
            url: told.html_url,
            clone_url: told.clone_url,
            ssh_url: told.ssh_url,
            private: told.private,
            default_branch: told.default_branch.filter(|name| !name.is_empty()),
            description: told.description.map(Option::unwrap_or_default),
            language: told.language,
            archived: told.archived,
            fork: told.fork,
            size_kb: told.size,
            pushed_at: told.pushed_at,
        }
    }
}

/// Reads a delivery.
pub(super) fn read(headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
    let body = payload(headers.get("content-type"), body)?;
    let told: Payload = webhook::told(&body)?;
    let event = headers.get("x-github-event").unwrap_or_default();
    let action = told.action.clone().unwrap_or_default();
    let installation = told.installation.as_ref().map(|one| one.id);
    let of_installation = told
        .installation
        .as_ref()
        .and_then(|one| match action.as_str() {
            "suspend" => one.suspended_at.or(one.updated_at),
            _ => one.updated_at,
        });
    let of_repository = told.repository.as_ref().and_then(|one| one.updated_at);
    let (at, what) = match event {
        "ping" => (None, Happening::Ping),
        "push" => {
            let at = told.repository.as_ref().and_then(|one| one.pushed_at);
            (at, push(told)?)
        }
        "pull_request" => {
            let at = told.pull_request.as_ref().and_then(|one| one.updated_at);
            (at, pull_request(told, &action)?)
        }
        "repository" | "public" => (of_repository, repository(told, event, &action)?),
        "installation" => (of_installation, of_action(&action)),
        // Its account has another name: so have its repositories.
        "installation_target" => (None, Happening::Listing),
        "installation_repositories" => {
            let removed = told.repositories_removed.iter();
            let what = Happening::InstallationRepositories {
                removed: removed.map(|one| one.id.to_string()).collect(),
                added: told
                    .repositories_added
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            };
            (None, what)
        }
        "meta" if action == "deleted" => (None, Happening::HookDeleted),
        "github_app_authorization" if action == "revoked" => {
            let account = told.sender.and_then(|sender| sender.id);
            let account = account.ok_or_else(|| missing("sender"))?;
            let account_id = account.to_string();
            (None, Happening::AuthorizationRevoked { account_id })
        }
        _ => (None, Happening::Nothing("no effect hangs on this event")),
    };
    Ok(HookEvent {
        at,
        installation,
        what,
    })
}

fn missing(what: &str) -> Malformed {
    Malformed(format!("The payload has no {what}."))
}

fn of_action(action: &str) -> Happening {
    Happening::Installation(match action {
        "created" => InstallationChange::Created,
        "deleted" => InstallationChange::Deleted,
        "suspend" => InstallationChange::Suspended,
        "unsuspend" => InstallationChange::Unsuspended,
        "new_permissions_accepted" => InstallationChange::PermissionsAccepted,
        _ => return Happening::Nothing("no effect hangs on this action"),
    })
}

fn repository(told: Payload, event: &str, action: &str) -> Result<Happening, Malformed> {
    let change = match (event, action) {
        ("public", _) => RepositoryChange::Updated,
        (_, "created") => RepositoryChange::Created,
        (_, "deleted") => RepositoryChange::Deleted,
        (_, "transferred") => RepositoryChange::Transferred,
        (_, "renamed" | "archived" | "unarchived" | "publicized" | "privatized" | "edited") => {
            RepositoryChange::Updated
        }
        _ => return Ok(Happening::Nothing("no effect hangs on this action")),
    };
    let repository = told.repository.ok_or_else(|| missing("repository"))?;
    Ok(Happening::Repository(change, repository.into()))
}

fn push(told: Payload) -> Result<Happening, Malformed> {
    let repository = told.repository.ok_or_else(|| missing("repository"))?;
    let branch = told.reference.as_deref().and_then(branch);
    let branches = branch.map(|branch| BranchMove {
        branch,
        before: commit(told.before),
        after: commit(told.after),
    });
    // A payload carries 2,048 commits at most.
    let more_paths = told.commits.len() >= 2048;
    let (paths, full) = touched(told.commits.into_iter());
    Ok(Happening::Push(Push {
        repository: repository.into(),
        branches: branches.into_iter().collect(),
        more_paths: more_paths || full,
        paths,
    }))
}

fn pull_request(told: Payload, action: &str) -> Result<Happening, Malformed> {
    let pull = told.pull_request.ok_or_else(|| missing("pull_request"))?;
    let change = match action {
        "opened" | "reopened" => PullRequestChange::Opened,
        "synchronize" => PullRequestChange::Synchronized,
        "closed" => PullRequestChange::Closed {
            merged: pull.merged.unwrap_or(false),
        },
        _ => return Ok(Happening::Nothing("no effect hangs on this action")),
    };
    let repository = told.repository.ok_or_else(|| missing("repository"))?;
    let (head, base) = (pull.head, pull.base);
    let (source_branch, commit_sha) = head.map_or((None, None), |head| (head.reference, head.sha));
    Ok(Happening::PullRequest(PullRequest {
        repository: repository.into(),
        change,
        number: pull.number,
        title: pull.title,
        source_branch,
        target_branch: base.and_then(|base| base.reference),
        commit_sha,
    }))
}
