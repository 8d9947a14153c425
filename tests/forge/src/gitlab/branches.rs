//! `GET /projects/:id/repository/branches`, with `search` and its anchors.

use serde_json::{Value, json};

use super::render::time;
use super::{Call, errors};
use crate::answer::{self, Answer};
use crate::model::{Access, Branch, Repository};

pub(super) fn list(call: &Call<'_>, project: &Repository) -> Result<Answer, Answer> {
    let term = call.asked.query.get("search").unwrap_or_default();
    let mut branches: Vec<&Branch> = project
        .branches
        .iter()
        .filter(|branch| found(term, &branch.name))
        .collect();
    match call.asked.query.get("sort").unwrap_or("name_asc") {
        "name_asc" | "updated_desc" => {}
        // All branches of a project are of the same age here.
        "updated_asc" => branches.reverse(),
        _ => return Err(errors::not_a_value("sort")),
    }
    let page = call.page(branches.len(), None)?;
    let items = page
        .slice(&branches)
        .iter()
        .map(|branch| rendered(call, project, branch))
        .collect();
    let path = format!("/projects/{}/repository/branches", project.id);
    Ok(call.listed(&path, page, items))
}

pub(super) fn show(call: &Call<'_>, project: &Repository, name: &str) -> Result<Answer, Answer> {
    match project.branch(name) {
        Some(branch) => Ok(answer::json(200, &rendered(call, project, branch))),
        None => Err(errors::not_found("Branch")),
    }
}

/// `^pre` is a beginning, `post$` an end, anything else a part; case does not matter.
fn found(term: &str, name: &str) -> bool {
    let (term, name) = (term.to_lowercase(), name.to_lowercase());
    match (term.strip_prefix('^'), term.strip_suffix('$')) {
        (Some(_), Some(_)) => term[1..term.len().max(2) - 1] == name,
        (Some(beginning), None) => name.starts_with(beginning),
        (None, Some(end)) => name.ends_with(end),
        (None, None) => name.contains(&term),
    }
}

fn rendered(call: &Call<'_>, project: &Repository, branch: &Branch) -> Value {
    let when = time(project.pushed_at);
    let path = call.state.full_path(project.owner);
    let url = format!("{}/{path}/{}", call.asked.base.web, project.name);
    let may_push = call.viewer.access(project) >= Some(Access::Write);
    let title = format!("Work on {}", branch.name);
    json!({
        "name": branch.name,
        "commit": {
            "id": branch.sha,
            "short_id": branch.sha.get(..8),
            "created_at": when,
            "parent_ids": [],
            "title": title,
            "message": title,
            "author_name": "Octo Cat",
            "author_email": "octocat@example.com",
            "authored_date": when,
            "committer_name": "Octo Cat",
            "committer_email": "octocat@example.com",
            "committed_date": when,
            "trailers": {},
            "extended_trailers": {},
            "web_url": format!("{url}/-/commit/{}", branch.sha),
        },
        "merged": false,
        "protected": branch.protected,
        "developers_can_push": false,
        "developers_can_merge": false,
        "can_push": may_push,
        "default": branch.name == project.default_branch,
        "web_url": format!("{url}/-/tree/{}", branch.name),
    })
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn search_has_anchors() {
        assert!(found("", "main"));
        assert!(found("AI", "main"));
        assert!(found("^feat", "feature/x"));
        assert!(!found("^eat", "feature/x"));
        assert!(found("/x$", "feature/x"));
        assert!(found("^main$", "main"));
        assert!(!found("^main$", "maintenance"));
        assert!(!found("^$", "main"));
        assert!(found("^", "main") && found("$", "main"));
    }
}
