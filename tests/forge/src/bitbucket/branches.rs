//! `GET /repositories/{workspace}/{repo_slug}/refs/branches`.

use serde_json::{Value, json};

use super::Call;
use super::filter::{self, Field};
use super::render::{encoded, time};
use crate::answer::Answer;
use crate::model::{Branch, Repository};

pub(super) fn list(call: &Call<'_>, repository: &Repository) -> Result<Answer, Answer> {
    let query = &call.asked.query;
    let filter = filter::Filter::read(query.get("q"), &["name"])?;
    let sort = filter::sort(query.get("sort"), &["name"])?;
    let named = |branch: &Branch| {
        let name = branch.name.clone();
        filter.takes(|field| (field == "name").then(|| Field::Text(name.clone())))
    };
    let mut rows: Vec<&Branch> = repository.branches.iter().filter(|b| named(b)).collect();
    if let Some((_, true)) = sort {
        rows.reverse();
    }
    let page = call.page(rows.len())?;
    let items = page
        .slice(&rows)
        .iter()
        .map(|branch| rendered(call, repository, branch))
        .collect();
    let path = format!("/repositories/{}/refs/branches", call.full_name(repository));
    Ok(call.listed(&path, page, items))
}

fn rendered(call: &Call<'_>, repository: &Repository, branch: &Branch) -> Value {
    let full_name = call.full_name(repository);
    let own = format!("{}/repositories/{full_name}", call.asked.base.api);
    let (web, name) = (&call.asked.base.web, encoded(&branch.name));
    json!({
        "type": "branch",
        "name": branch.name,
        "target": {
            "type": "commit",
            "hash": branch.sha,
            "date": time(repository.pushed_at),
            "message": format!("Work on {}\n", branch.name),
            "author": { "type": "author", "raw": "Octo Cat <octocat@example.com>" },
            "parents": [],
            "links": {
                "self": { "href": format!("{own}/commit/{}", branch.sha) },
                "html": { "href": format!("{web}/{full_name}/commits/{}", branch.sha) },
            },
        },
        "merge_strategies": ["merge_commit", "squash", "fast_forward"],
        "default_merge_strategy": "merge_commit",
        "links": {
            "self": { "href": format!("{own}/refs/branches/{name}") },
            "commits": { "href": format!("{own}/commits/{name}") },
            "html": { "href": format!("{web}/{full_name}/branch/{name}") },
        },
    })
}
