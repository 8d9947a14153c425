//! What GitLab's deliveries say. Source: GitLab documentation, "Webhook events" and "System hooks".

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::webhook::{
    self, BranchMove, CommitPaths, Happening, HookEvent, Malformed, PullRequest, PullRequestChange,
    Push, RepositoryChange, ToldRepository, branch, commit, moment, touched,
};

#[derive(Deserialize)]
struct Payload {
    object_kind: Option<String>,
    event_name: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    project_id: Option<u64>,
    project: Option<Project>,
    #[serde(default)]
    commits: Vec<Commit>,
    total_commits_count: Option<usize>,
    object_attributes: Option<Merge>,
    // Of system hooks.
    path: Option<String>,
    path_with_namespace: Option<String>,
    project_visibility: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Project {
    id: Option<u64>,
    web_url: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    path_with_namespace: Option<String>,
    default_branch: Option<String>,
    description: Option<String>,
    visibility_level: Option<u32>,
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default, deserialize_with = "moment")]
    timestamp: Option<DateTime<Utc>>,
    #[serde(flatten)]
    paths: CommitPaths,
}

#[derive(Deserialize)]
struct Merge {
    iid: Option<i64>,
    title: Option<String>,
    action: Option<String>,
    state: Option<String>,
    oldrev: Option<String>,
    source_branch: Option<String>,
    target_branch: Option<String>,
    last_commit: Option<Last>,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Last {
    id: Option<String>,
}

/// Source: GitLab documentation, "Projects API": 20 is public; what is not said is not public.
const PUBLIC: u32 = 20;

fn told(project: Option<Project>, id: Option<u64>) -> Result<ToldRepository, Malformed> {
    let of_project = project.as_ref().and_then(|project| project.id);
    let id = id.or(of_project);
    let id = id.ok_or_else(|| Malformed("The payload names no project.".to_owned()))?;
    let Some(project) = project else {
        return Ok(ToldRepository {
            id: id.to_string(),
            ..ToldRepository::default()
        });
    };
    Ok(ToldRepository {
        id: id.to_string(),
        name: project.path_with_namespace.as_deref().map(last),
        full_name: project.path_with_namespace,
        url: project.web_url,
        clone_url: project.git_http_url,
        ssh_url: project.git_ssh_url,
        private: project.visibility_level.map(|level| level != PUBLIC),
        default_branch: project.default_branch.filter(|name| !name.is_empty()),
        description: project.description,
        ..ToldRepository::default()
    })
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// Reads a delivery.
pub(super) fn read(body: &[u8]) -> Result<HookEvent, Malformed> {
    let told: Payload = webhook::told(body)?;
    let kind = told.object_kind.as_deref().or(told.event_name.as_deref());
    let kind = kind.unwrap_or_default().to_owned();
    let (at, what) = match kind.as_str() {
        // A push has no date but those of its commits, which are older than it.
        "push" => (None, push(told)?),
        "tag_push" => (None, Happening::Nothing("a tag moved, and no branch")),
        "merge_request" => {
            let at = told
                .object_attributes
                .as_ref()
                .and_then(|one| one.updated_at);
            (at, merge_request(told)?)
        }
        "project_create" => of_system(told, RepositoryChange::Created)?,
        "project_destroy" => of_system(told, RepositoryChange::Deleted)?,
        "project_rename" | "project_update" => of_system(told, RepositoryChange::Updated)?,
        "project_transfer" => of_system(told, RepositoryChange::Transferred)?,
        "group_rename" | "user_rename" => (None, Happening::Listing),
        _ => (None, Happening::Nothing("no effect hangs on this event")),
    };
    Ok(HookEvent {
        at,
        installation: None,
        what,
    })
}

fn of_system(
    told: Payload,
    change: RepositoryChange,
) -> Result<(Option<DateTime<Utc>>, Happening), Malformed> {
    let mut repository = self::told(told.project, told.project_id)?;
    repository.name = told.path.or(repository.name);
    repository.full_name = told.path_with_namespace.or(repository.full_name);
    let visibility = told.project_visibility.as_deref();
    repository.private = visibility
        .map(|word| word.trim_start_matches("visibilitylevel|") != "public")
        .or(repository.private);
    Ok((told.updated_at, Happening::Repository(change, repository)))
}

fn push(told: Payload) -> Result<Happening, Malformed> {
    let newest = told.commits.iter().filter_map(|one| one.timestamp).max();
    let mut repository = self::told(told.project, told.project_id)?;
    repository.pushed_at = newest;
    let branches = told
        .reference
        .as_deref()
        .and_then(branch)
        .map(|branch| BranchMove {
            branch,
            before: commit(told.before),
            after: commit(told.after),
        });
    // The newest twenty commits are listed, of so many.
    let more_paths = told.total_commits_count.unwrap_or(0) > told.commits.len();
    let (paths, full) = touched(told.commits.into_iter().map(|one| one.paths));
    Ok(Happening::Push(Push {
        repository,
        branches: branches.into_iter().collect(),
        more_paths: more_paths || full,
        paths,
    }))
}

fn merge_request(told: Payload) -> Result<Happening, Malformed> {
    let missing = || Malformed("The payload names no merge request.".to_owned());
    let merge = told.object_attributes.ok_or_else(missing)?;
    let number = merge.iid.ok_or_else(missing)?;
    let action = merge.action.as_deref().or(match merge.state.as_deref() {
        Some("opened") => Some("open"),
        Some("closed") => Some("close"),
        Some("merged") => Some("merge"),
        _ => None,
    });
    let change = match action {
        Some("open" | "reopen") => PullRequestChange::Opened,
        // Other changes of it have no commit before.
        Some("update") if merge.oldrev.is_some() => PullRequestChange::Synchronized,
        Some("close") => PullRequestChange::Closed { merged: false },
        Some("merge") => PullRequestChange::Closed { merged: true },
        _ => return Ok(Happening::Nothing("no effect hangs on this action")),
    };
    Ok(Happening::PullRequest(PullRequest {
        repository: self::told(told.project, told.project_id)?,
        change,
        number,
        title: merge.title,
        source_branch: merge.source_branch,
        target_branch: merge.target_branch,
        commit_sha: merge.last_commit.and_then(|last| last.id),
    }))
}
