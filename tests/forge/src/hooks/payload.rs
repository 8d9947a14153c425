//! What happened, in each provider's words: the fields that its documentation promises and readers use.

use serde_json::{Value, json};

use crate::azure_repository_id;
use crate::bitbucket::repository_uuid;
use crate::face::Face;
use crate::model::{InstallationId, Repository, RepositoryId, State, Visibility};

/// Something that providers tell of.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A repository was made, renamed, archived, …: GitHub's word for it.
    Repository(RepositoryId, &'static str),
    /// A repository as it was before it was deleted.
    Deleted(Box<Repository>),
    /// A branch moved, from a commit to another; none is none.
    Push(RepositoryId, String, Option<String>, Option<String>),
    /// Something happened to an installation: GitHub's word for it.
    Installation(InstallationId, &'static str),
}

/// An event as it is sent: its name, its action, its body.
pub(super) struct Told {
    pub(super) event: String,
    pub(super) action: Option<String>,
    pub(super) body: Value,
}

const ZERO: &str = "0000000000000000000000000000000000000000";

/// What a face tells of something; `None` where it has no such event.
pub(super) fn told(state: &State, face: Face, web: &str, happened: &Happened) -> Option<Told> {
    let (repository, word) = match happened {
        Happened::Repository(id, word) => (state.repository(*id)?, *word),
        Happened::Deleted(repository) => (&**repository, "deleted"),
        Happened::Push(id, ..) => (state.repository(*id)?, "push"),
        Happened::Installation(..) => return installation(state, face, happened),
    };
    let owner = state.full_path(repository.owner);
    let full_name = format!("{owner}/{}", repository.name);
    let now = state.now();
    let seconds = now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let sender = json!({ "id": repository.owner, "login": owner });
    let private = repository.visibility != Visibility::Public;
    let moved = match happened {
        Happened::Push(_, branch, before, after) => {
            let sha = |sha: &Option<String>| sha.clone().unwrap_or_else(|| ZERO.to_owned());
            Some((
                format!("refs/heads/{branch}"),
                branch,
                sha(before),
                sha(after),
            ))
        }
        _ => None,
    };
    Some(match face {
        Face::GitHub => {
            let mut told = json!({
                "id": repository.id, "name": repository.name, "full_name": full_name, "private": private,
                "html_url": format!("{web}/{full_name}"), "clone_url": format!("{web}/{full_name}.git"),
                "ssh_url": format!("git@github.example:{full_name}.git"), "description": repository.description,
                "default_branch": repository.default_branch, "archived": repository.archived, "fork": repository.fork,
                "language": repository.language, "size": repository.size, "pushed_at": seconds, "updated_at": seconds,
                "owner": sender,
            });
            match moved {
                Some((reference, _, before, after)) => {
                    told["pushed_at"] = json!(now.timestamp());
                    let body = json!({ "ref": reference, "before": before, "after": after, "commits": [],
                        "created": before == ZERO, "deleted": after == ZERO, "repository": told, "sender": sender });
                    Told {
                        event: "push".to_owned(),
                        action: None,
                        body,
                    }
                }
                None => Told {
                    event: "repository".to_owned(),
                    action: Some(word.to_owned()),
                    body: json!({ "action": word, "repository": told, "sender": sender }),
                },
            }
        }
        Face::GitLab => {
            let project = json!({
                "id": repository.id, "name": repository.name, "path_with_namespace": full_name,
                "web_url": format!("{web}/{full_name}"), "git_http_url": format!("{web}/{full_name}.git"),
                "git_ssh_url": format!("git@gitlab.example:{full_name}.git"), "description": repository.description,
                "default_branch": repository.default_branch, "visibility_level": if private { 0 } else { 20 },
            });
            match moved {
                Some((reference, _, before, after)) => Told {
                    event: "Push Hook".to_owned(),
                    action: None,
                    body: json!({ "object_kind": "push", "event_name": "push", "ref": reference, "before": before,
                        "after": after, "project_id": repository.id, "project": project, "commits": [], "total_commits_count": 0 }),
                },
                None => {
                    let name = match word {
                        "created" => "project_create",
                        "deleted" => "project_destroy",
                        "renamed" => "project_rename",
                        "transferred" => "project_transfer",
                        _ => "project_update",
                    };
                    let body = json!({ "event_name": name, "project_id": repository.id, "name": repository.name,
                        "path": repository.name, "path_with_namespace": full_name, "updated_at": now,
                        "project_visibility": if private { "private" } else { "public" } });
                    Told {
                        event: "System Hook".to_owned(),
                        action: None,
                        body,
                    }
                }
            }
        }
        Face::Bitbucket => {
            let told = json!({ "type": "repository", "uuid": repository_uuid(repository.id), "full_name": full_name,
                "name": repository.name, "is_private": private, "mainbranch": { "name": repository.default_branch },
                "links": { "html": { "href": format!("{web}/{full_name}") } } });
            match moved {
                Some((_, branch, before, after)) => {
                    let side = |sha: &str| {
                        (sha != ZERO).then(|| {
                            json!({ "type": "branch", "name": branch,
                        "target": { "hash": sha, "date": now } })
                        })
                    };
                    Told {
                        event: "repo:push".to_owned(),
                        action: None,
                        body: json!({ "repository": told, "push": { "changes": [{ "new": side(&after), "old": side(&before) }] } }),
                    }
                }
                None => {
                    let key = match word {
                        "created" => "repo:created",
                        "deleted" => "repo:deleted",
                        "transferred" => "repo:transfer",
                        _ => "repo:updated",
                    };
                    Told {
                        event: key.to_owned(),
                        action: None,
                        body: json!({ "repository": told }),
                    }
                }
            }
        }
        Face::Azure => {
            let project = repository.project.clone().unwrap_or_else(|| owner.clone());
            let told = json!({ "id": azure_repository_id(repository.id), "name": repository.name,
                "project": { "name": project }, "defaultBranch": format!("refs/heads/{}", repository.default_branch),
                "remoteUrl": format!("{web}/{owner}/{project}/_git/{}", repository.name) });
            let (event, resource) = match moved {
                Some((reference, _, before, after)) => (
                    "git.push",
                    json!({ "repository": told, "date": now,
                    "refUpdates": [{ "name": reference, "oldObjectId": before, "newObjectId": after }] }),
                ),
                None => {
                    let event = match word {
                        "created" => "git.repo.created",
                        "deleted" => "git.repo.deleted",
                        "renamed" => "git.repo.renamed",
                        _ => "git.repo.statuschanged",
                    };
                    (event, json!({ "repository": told }))
                }
            };
            let body = json!({ "id": "", "eventType": event, "publisherId": "tfs", "createdDate": now, "resource": resource });
            Told {
                event: event.to_owned(),
                action: None,
                body,
            }
        }
    })
}

fn installation(state: &State, face: Face, happened: &Happened) -> Option<Told> {
    let Happened::Installation(id, action) = happened else {
        return None;
    };
    let found = state.installation(*id)?;
    (face == Face::GitHub).then(|| Told {
        event: "installation".to_owned(),
        action: Some((*action).to_owned()),
        body: json!({ "action": action, "installation": { "id": id, "app_id": found.app,
            "updated_at": state.now(), "suspended_at": found.suspended_at }, "sender": { "id": found.account } }),
    })
}
