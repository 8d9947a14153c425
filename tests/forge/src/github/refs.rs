//! `GET /repos/{owner}/{repo}/git/matching-refs/{prefix}`: the only search over branch names that GitHub has.

use serde_json::json;

use super::branches::repository_url;
use super::render::node_id;
use super::{Call, errors};
use crate::answer::Answer;
use crate::model::Repository;

pub(super) fn matching(call: &Call<'_>, repository: &Repository, prefix: &str) -> Answer {
    if repository.branches.is_empty() {
        return errors::error(409, "Git Repository is empty.");
    }
    let url = repository_url(call, repository);
    let refs: Vec<_> = repository
        .branches
        .iter()
        .map(|branch| (format!("heads/{}", branch.name), &branch.sha))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    // The list is not paged.
    let items = refs
        .iter()
        .map(|(name, sha)| {
            json!({
                "ref": format!("refs/{name}"),
                "node_id": node_id("Ref", format!("{}:refs/{name}", repository.id)),
                "url": format!("{url}/git/refs/{name}"),
                "object": { "type": "commit", "sha": sha, "url": format!("{url}/git/commits/{sha}") },
            })
        })
        .collect();
    crate::answer::json(200, &serde_json::Value::Array(items))
}
