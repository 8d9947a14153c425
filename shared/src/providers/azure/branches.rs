//! The branches of a repository at Azure DevOps.
//!
//! Source: Microsoft, "Refs – List" 7.1: at most 1,000 per answer, and a token that leads on. A
//! page by its number is reached from the start, so the first pages cost one request and the
//! hundred-first two. `filterContains` looks at the whole name of a ref, `refs/heads/` with it, and
//! does not say whether case matters: it narrows, and what is a match is decided here.
//! Which branches are protected is written in policies, not here.

use serde::Deserialize;

use super::super::transport::failure;
use super::super::{Access, BranchPage, BranchQuery, ErrorClass, ProviderError};
use super::client::{At, Client};
use super::list::{continuation, listed};
use super::path::FullName;
use super::repositories::{get, short};
use crate::domain::repository::Branch;

/// The most that one answer holds.
const MOST: usize = 1_000;
/// Pages that lie behind so many answers are not looked for.
const MOST_REQUESTS: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ref {
    name: String,
    object_id: String,
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &BranchQuery,
) -> Result<BranchPage, ProviderError> {
    let name = FullName::read(&query.full_name, access)?;
    let repository = get(client, access, &name).await?;
    let Some(default) = repository.default_branch() else {
        // An empty one, whose refs need not be asked for.
        return Ok(BranchPage::default());
    };
    let search = query.search.as_deref().map(str::trim).unwrap_or_default();
    let per_page = usize::try_from(query.per_page.clamp(1, 100)).unwrap_or(100);
    let before = usize::try_from(query.page.max(1) - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(per_page);
    // One more than is shown says whether another page follows.
    let wanted = before.saturating_add(per_page).saturating_add(1);
    let found = matching(client, access, &name, search, wanted).await?;
    let branches = found
        .iter()
        .skip(before)
        .take(per_page)
        .map(|one| Branch {
            name: short(&one.name).to_owned(),
            is_default: short(&one.name) == default,
            is_protected: None,
            commit_sha: one.object_id.clone(),
        })
        .collect();
    Ok(BranchPage {
        branches,
        has_next: found.len() >= wanted,
    })
}

/// The first `wanted` branches whose names contain a text.
async fn matching(
    client: &Client,
    access: &Access,
    name: &FullName<'_>,
    search: &str,
    wanted: usize,
) -> Result<Vec<Ref>, ProviderError> {
    let path = format!("{}/refs", name.path());
    let text = search.to_lowercase();
    let mut found: Vec<Ref> = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_REQUESTS {
        let top = wanted
            .saturating_sub(found.len())
            .clamp(1, MOST)
            .to_string();
        let mut parameters = vec![("filter", "heads/"), ("$top", top.as_str())];
        if !search.is_empty() {
            parameters.push(("filterContains", search));
        }
        if let Some(token) = &token {
            parameters.push(("continuationToken", token));
        }
        let answer = client
            .ask(access, At::Organization, &path, &parameters)
            .await?;
        let refs = listed::<Ref>(&answer)?.read.into_iter();
        found.extend(refs.filter(|one| short(&one.name).to_lowercase().contains(&text)));
        let next = continuation(&answer);
        if found.len() >= wanted || next.is_none() {
            return Ok(found);
        }
        if next == token {
            return Err(failure(
                ErrorClass::Unexpected,
                "the next page of refs leads back",
            ));
        }
        token = next;
    }
    Err(failure(
        ErrorClass::Unexpected,
        format!(
            "this page of branches lies behind the first {}",
            MOST * MOST_REQUESTS
        ),
    ))
}
