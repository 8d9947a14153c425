//! What Azure DevOps' deliveries say. Source: Microsoft, "Service hooks events".

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::webhook::{
    self, BranchMove, Happening, HookEvent, Malformed, PullRequest, PullRequestChange, Push,
    RepositoryChange, ToldRepository, branch, commit, moment,
};
use super::repositories::{short, without_user};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    event_type: String,
    resource: Option<Resource>,
    #[serde(default, deserialize_with = "moment")]
    created_date: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    repository: Option<Repository>,
    // Of a repository that is gone there is no more than this.
    repository_id: Option<String>,
    #[serde(default)]
    ref_updates: Vec<Update>,
    #[serde(default, deserialize_with = "moment")]
    date: Option<DateTime<Utc>>,
    pull_request_id: Option<i64>,
    status: Option<String>,
    title: Option<String>,
    source_ref_name: Option<String>,
    target_ref_name: Option<String>,
    last_merge_source_commit: Option<Commit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    id: String,
    name: Option<String>,
    project: Option<Project>,
    default_branch: Option<String>,
    remote_url: Option<String>,
    ssh_url: Option<String>,
    is_disabled: Option<bool>,
}

#[derive(Deserialize)]
struct Project {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    name: String,
    old_object_id: Option<String>,
    new_object_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    commit_id: Option<String>,
}

impl From<Repository> for ToldRepository {
    fn from(told: Repository) -> Self {
        let clone_url = told.remote_url.as_deref().and_then(without_user);
        let organization = clone_url.as_deref().and_then(organization_of);
        let project = told.project.and_then(|project| project.name);
        let full_name = match (&organization, &project, &told.name) {
            (Some(organization), Some(project), Some(name)) => {
                Some(format!("{organization}/{project}/{name}"))
            }
            _ => None,
        };
        Self {
            id: told.id.to_lowercase(),
            full_name,
            name: told.name,
            // One address serves people and git.
            url: clone_url.clone(),
            clone_url,
            ssh_url: told.ssh_url.filter(|url| !url.is_empty()),
            default_branch: told
                .default_branch
                .as_deref()
                .map(short)
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            archived: told.is_disabled,
            ..Self::default()
        }
    }
}

/// `https://dev.azure.com/acme/…`, formerly `https://acme.visualstudio.com/…`.
fn organization_of(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    if let Some(name) = url.host_str()?.strip_suffix(".visualstudio.com") {
        return Some(name.to_owned());
    }
    let first = url.path_segments()?.next()?;
    let name = percent_encoding::percent_decode_str(first)
        .decode_utf8()
        .ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

/// Reads a delivery.
pub(super) fn read(body: &[u8]) -> Result<HookEvent, Malformed> {
    let told: Payload = webhook::told(body)?;
    let at = told.resource.as_ref().and_then(|one| one.date);
    let at = at.or(told.created_date);
    let resource = told
        .resource
        .ok_or_else(|| Malformed("The payload has no resource.".to_owned()))?;
    let what = match told.event_type.as_str() {
        "git.push" => push(resource, at)?,
        "git.pullrequest.created" | "git.pullrequest.updated" => {
            pull_request(resource, &told.event_type)?
        }
        "git.repo.created" | "git.repo.forked" => of(resource, RepositoryChange::Created)?,
        "git.repo.renamed" | "git.repo.statuschanged" => of(resource, RepositoryChange::Updated)?,
        "git.repo.deleted" => of(resource, RepositoryChange::Deleted)?,
        _ => Happening::Nothing("no effect hangs on this event"),
    };
    Ok(HookEvent {
        at,
        installation: None,
        what,
    })
}

fn repository(resource: &mut Resource) -> Result<ToldRepository, Malformed> {
    let named = resource.repository_id.take().map(|id| ToldRepository {
        id: id.to_lowercase(),
        ..ToldRepository::default()
    });
    resource
        .repository
        .take()
        .map(Into::into)
        .or(named)
        .ok_or_else(|| Malformed("The payload names no repository.".to_owned()))
}

fn of(mut resource: Resource, change: RepositoryChange) -> Result<Happening, Malformed> {
    Ok(Happening::Repository(change, repository(&mut resource)?))
}

fn push(mut resource: Resource, at: Option<DateTime<Utc>>) -> Result<Happening, Malformed> {
    let mut repository = repository(&mut resource)?;
    repository.pushed_at = at;
    let branches = resource
        .ref_updates
        .into_iter()
        .filter_map(|update| {
            Some(BranchMove {
                branch: branch(&update.name)?,
                before: commit(update.old_object_id),
                after: commit(update.new_object_id),
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

fn pull_request(mut resource: Resource, event: &str) -> Result<Happening, Malformed> {
    let number = resource
        .pull_request_id
        .ok_or_else(|| Malformed("The payload names no pull request.".to_owned()))?;
    let change = match (event, resource.status.as_deref()) {
        (_, Some("completed")) => PullRequestChange::Closed { merged: true },
        (_, Some("abandoned")) => PullRequestChange::Closed { merged: false },
        ("git.pullrequest.created", _) => PullRequestChange::Opened,
        _ => PullRequestChange::Synchronized,
    };
    Ok(Happening::PullRequest(PullRequest {
        repository: repository(&mut resource)?,
        change,
        number,
        title: resource.title,
        source_branch: resource
            .source_ref_name
            .as_deref()
            .map(|name| short(name).to_owned()),
        target_branch: resource
            .target_ref_name
            .as_deref()
            .map(|name| short(name).to_owned()),
        commit_sha: resource
            .last_merge_source_commit
            .and_then(|one| one.commit_id),
    }))
}
