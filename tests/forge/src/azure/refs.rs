//! `GET …/repositories/{repository}/refs`: branches by their beginning, or by a part of them.

use serde_json::{Value, json};

use super::projects::Project;
use super::{Call, errors, render, repositories};
use crate::answer::{Answer, set};
use crate::model::{Branch, Owner};

/// The most that a page may hold.
const MOST: usize = 1_000;

pub(super) fn list<'a>(
    call: &Call<'a>,
    organization: &'a Owner,
    project: Option<&Project<'a>>,
    segment: &str,
) -> Result<Answer, Answer> {
    let repository = repositories::find(call, organization, project, segment)?;
    // A disabled repository is shown in lists and refuses everything else.
    if repository.archived {
        return Err(errors::no_repository(segment));
    }
    let query = &call.asked.query;
    let beginning = format!("refs/{}", query.get("filter").unwrap_or_default());
    let part = query
        .get("filterContains")
        .unwrap_or_default()
        .to_lowercase();
    let after = query.get("continuationToken");
    let top = match call.number("$top")? {
        Some(top) if top > MOST => return Err(errors::invalid("$top", &top.to_string())),
        Some(top) => Some(top.max(1)),
        None => after.map(|_| 100),
    };
    // The token is the name at which the next page begins.
    let found: Vec<(String, &Branch)> = repository
        .branches
        .iter()
        .map(|branch| (format!("refs/heads/{}", branch.name), branch))
        .filter(|(name, _)| name.starts_with(&beginning) && name.to_lowercase().contains(&part))
        .filter(|(name, _)| after.is_none_or(|after| name.as_str() >= after))
        .collect();
    let shown = top.unwrap_or(found.len()).min(found.len());
    let person = call.person()?;
    let rows: Vec<Value> = found[..shown]
        .iter()
        .map(|(name, branch)| {
            json!({
                "name": name,
                "objectId": branch.sha,
                "creator": render::person(call, person),
                "url": format!("{}/refs?filter={}", render::api_url(call, organization, repository), &name[5..]),
            })
        })
        .collect();
    let mut answer = render::list(rows);
    if let Some((name, _)) = found.get(shown) {
        set(&mut answer, "x-ms-continuationtoken", name);
    }
    Ok(answer)
}
