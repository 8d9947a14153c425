//! Branches of a repository.

use serde_json::{Value, json};

use super::render::{node_id, time};
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::{Branch, Repository};

pub(super) fn list(call: &Call<'_>, repository: &Repository) -> Answer {
    let protected = call.asked.query.flag("protected");
    let branches: Vec<&Branch> = repository
        .branches
        .iter()
        .filter(|branch| protected.is_none_or(|wanted| branch.protected == wanted))
        .collect();
    let page = call.page(branches.len());
    let items = page
        .slice(&branches)
        .iter()
        .map(|branch| short(call, repository, branch))
        .collect();
    let path = format!("/repositories/{}/branches", repository.id);
    call.listed(&path, page, items)
}

pub(super) fn show(call: &Call<'_>, repository: &Repository, name: &str) -> Answer {
    let Some(branch) = repository.branch(name) else {
        return errors::error(404, "Branch not found");
    };
    let mut body = short(call, repository, branch);
    let url = repository_url(call, repository);
    let html = format!("{}/{}", call.asked.base.web, full_name(call, repository));
    body["commit"] = commit(&url, &html, repository, branch);
    body["_links"] = json!({
        "self": format!("{url}/branches/{name}"),
        "html": format!("{html}/tree/{name}"),
    });
    answer::json(200, &body)
}

/// The vendor's `short-branch`.
fn short(call: &Call<'_>, repository: &Repository, branch: &Branch) -> Value {
    let url = repository_url(call, repository);
    let (name, sha) = (&branch.name, &branch.sha);
    json!({
        "name": name,
        "commit": { "sha": sha, "url": format!("{url}/commits/{sha}") },
        "protected": branch.protected,
        "protection": {
            "enabled": branch.protected,
            "required_status_checks": { "enforcement_level": "off", "contexts": [], "checks": [] },
        },
        "protection_url": format!("{url}/branches/{name}/protection"),
    })
}

fn commit(url: &str, html: &str, repository: &Repository, branch: &Branch) -> Value {
    let sha = &branch.sha;
    let when = time(repository.pushed_at);
    let person = json!({ "name": "Octo Cat", "email": "octocat@example.com", "date": when });
    json!({
        "sha": sha,
        "node_id": node_id("Commit", sha),
        "url": format!("{url}/commits/{sha}"),
        "html_url": format!("{html}/commit/{sha}"),
        "comments_url": format!("{url}/commits/{sha}/comments"),
        "commit": {
            "url": format!("{url}/git/commits/{sha}"),
            "author": person,
            "committer": person,
            "message": format!("Work on {}", branch.name),
            "comment_count": 0,
            "tree": { "sha": sha, "url": format!("{url}/git/trees/{sha}") },
        },
        "author": null,
        "committer": null,
        "parents": [],
    })
}

pub(super) fn repository_url(call: &Call<'_>, repository: &Repository) -> String {
    format!(
        "{}/repos/{}",
        call.asked.base.api,
        full_name(call, repository)
    )
}

fn full_name(call: &Call<'_>, repository: &Repository) -> String {
    let owner = call.state.owner(repository.owner);
    let login = owner.map_or("", |owner| owner.login.as_str());
    format!("{login}/{}", repository.name)
}
