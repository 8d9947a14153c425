//! What Bitbucket's deliveries say. Source: Atlassian, "Event payloads".
//!
//! No event has a date of its own. The first attempt of one comes within seconds; a later one
//! (`X-Attempt-Number`) may be of any age.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::webhook::{
    self, BranchMove, Happening, HookEvent, Malformed, PullRequest, PullRequestChange, Push,
    RepositoryChange, ToldRepository, moment,
};
use crate::domain::webhook::DeliveryHeaders;

#[derive(Deserialize)]
struct Payload {
    repository: Option<Repository>,
    push: Option<Pushed>,
    pullrequest: Option<Pull>,
}

#[derive(Deserialize)]
struct Repository {
    uuid: String,
    full_name: Option<String>,
    is_private: Option<bool>,
    description: Option<String>,
    language: Option<String>,
    mainbranch: Option<Named>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Pushed {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    new: Option<Reference>,
    old: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    hash: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    date: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Pull {
    id: Option<i64>,
    title: Option<String>,
    source: Option<Side>,
    destination: Option<Side>,
    #[serde(default, deserialize_with = "moment")]
    updated_on: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Side {
    branch: Option<Named>,
    commit: Option<Hash>,
}

#[derive(Deserialize)]
struct Hash {
    hash: Option<String>,
}

impl From<Repository> for ToldRepository {
    fn from(told: Repository) -> Self {
        let links = told.links.and_then(|links| links.html);
        // Old payloads link to the API's host, which is no page.
        let url = links.and_then(|link| link.href);
        let url = url.filter(|url| !url.contains("://api."));
        Self {
            id: told.uuid,
            name: told
                .full_name
                .as_deref()
                .and_then(|name| name.rsplit('/').next())
                .map(str::to_owned),
            full_name: told.full_name,
            url,
            private: told.is_private,
            default_branch: told.mainbranch.and_then(|main| main.name),
            description: told.description,
            language: told.language.filter(|text| !text.is_empty()),
            ..Self::default()
        }
    }
}

/// Reads a delivery.
pub(super) fn read(headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
    let told: Payload = webhook::told(body)?;
    let mut at = None;
    let what = match headers.get("x-event-key").unwrap_or_default() {
        "repo:push" => push(told)?,
        "repo:created" | "repo:imported" => of(told, RepositoryChange::Created)?,
        "repo:updated" => of(told, RepositoryChange::Updated)?,
        "repo:transfer" => of(told, RepositoryChange::Transferred)?,
        "repo:deleted" => of(told, RepositoryChange::Deleted)?,
        "repo:fork" => Happening::Listing,
        key @ ("pullrequest:created"
        | "pullrequest:updated"
        | "pullrequest:fulfilled"
        | "pullrequest:rejected") => {
            at = told.pullrequest.as_ref().and_then(|pull| pull.updated_on);
            pull_request(told, key)?
        }
        _ => Happening::Nothing("no effect hangs on this event"),
    };
    Ok(HookEvent {
        at,
        installation: None,
        what,
    })
}

fn repository(told: Option<Repository>) -> Result<ToldRepository, Malformed> {
    told.map(Into::into)
        .ok_or_else(|| Malformed("The payload has no repository.".to_owned()))
}

fn of(told: Payload, change: RepositoryChange) -> Result<Happening, Malformed> {
    Ok(Happening::Repository(change, repository(told.repository)?))
}

fn push(told: Payload) -> Result<Happening, Malformed> {
    let mut repository = repository(told.repository)?;
    let changes = told.push.map(|push| push.changes).unwrap_or_default();
    let dates = changes.iter().filter_map(|one| one.new.as_ref());
    repository.pushed_at = dates
        .filter_map(|one| one.target.as_ref().and_then(|target| target.date))
        .max();
    let is_branch = |one: &Reference| one.kind.as_deref() == Some("branch");
    let branches = changes
        .into_iter()
        .filter_map(|change| {
            let reference = change.new.as_ref().or(change.old.as_ref())?;
            let branch = reference.name.clone().filter(|_| is_branch(reference))?;
            let hash = |one: Option<Reference>| one.and_then(|one| one.target?.hash);
            Some(BranchMove {
                branch,
                before: hash(change.old),
                after: hash(change.new),
            })
        })
        .collect();
    Ok(Happening::Push(Push {
        repository,
        branches,
        paths: Vec::new(),
        more_paths: true,
    }))
}

fn pull_request(told: Payload, key: &str) -> Result<Happening, Malformed> {
    let missing = || Malformed("The payload names no pull request.".to_owned());
    let pull = told.pullrequest.ok_or_else(missing)?;
    let number = pull.id.ok_or_else(missing)?;
    let change = match key {
        "pullrequest:created" => PullRequestChange::Opened,
        "pullrequest:fulfilled" => PullRequestChange::Closed { merged: true },
        "pullrequest:rejected" => PullRequestChange::Closed { merged: false },
        _ => PullRequestChange::Synchronized,
    };
    let name = |side: Option<&Side>| side?.branch.as_ref()?.name.clone();
    Ok(Happening::PullRequest(PullRequest {
        repository: repository(told.repository)?,
        change,
        number,
        title: pull.title,
        source_branch: name(pull.source.as_ref()),
        target_branch: name(pull.destination.as_ref()),
        commit_sha: pull.source.and_then(|side| side.commit?.hash),
    }))
}
