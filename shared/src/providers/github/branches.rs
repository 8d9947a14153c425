//! The branches of a repository at GitHub.
//!
//! Source: `GET /repos/{owner}/{repo}/branches` and `…/git/matching-refs/{ref}`.
//!
//! The listing has neither a default flag (the repository is asked for its default branch) nor a
//! search text. A search reads the listing by hundreds, at most [`SCAN_PAGES`] of them, and keeps
//! what contains the text; where the repository has more branches than that, those that *begin*
//! with the text are asked for by prefix, so that a full name is always found.

use serde::Deserialize;

use super::super::transport::{Numbered, items};
use super::super::{Access, BranchPage, BranchQuery, ErrorClass, ProviderError};
use super::client::Client;
use super::repositories::has_next;
use super::{path, repositories};
use crate::domain::repository::Branch;

/// Pages of a hundred that a search may read.
const SCAN_PAGES: u32 = 10;

#[derive(Deserialize)]
struct Item {
    name: String,
    commit: Commit,
    protected: Option<bool>,
}

impl Numbered for Item {}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
struct Ref {
    #[serde(rename = "ref")]
    name: String,
    object: Commit,
}

impl Numbered for Ref {}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &BranchQuery,
) -> Result<BranchPage, ProviderError> {
    // Under the name that it has now: a listing under an old name would be redirected every time.
    let repo = repositories::one(client, access, &query.full_name).await?;
    let path = path::repository(&repo.full_name)?;
    let default = repo.default_branch.as_deref();
    let per_page = query.per_page.clamp(1, 100);
    match query
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        None => {
            let (branches, has_next) =
                list(client, access, &path, default, per_page, query.page.max(1)).await?;
            Ok(BranchPage { branches, has_next })
        }
        Some(text) => {
            let matches = search(client, access, &path, default, text).await?;
            Ok(slice(matches, query.page.max(1), per_page))
        }
    }
}

async fn list(
    client: &Client,
    access: &Access,
    path: &str,
    default: Option<&str>,
    per_page: u32,
    page: u32,
) -> Result<(Vec<Branch>, bool), ProviderError> {
    let (per_page, page) = (per_page.to_string(), page.to_string());
    let query = [("per_page", per_page.as_str()), ("page", page.as_str())];
    let answer = client
        .get(access, &format!("{path}/branches"), &query)
        .await?;
    let branches = items::<Item>(&answer)?.read.into_iter().map(|item| Branch {
        is_default: default == Some(item.name.as_str()),
        name: item.name,
        is_protected: item.protected,
        commit_sha: item.commit.sha,
    });
    Ok((branches.collect(), has_next(answer.headers())))
}

async fn search(
    client: &Client,
    access: &Access,
    path: &str,
    default: Option<&str>,
    text: &str,
) -> Result<Vec<Branch>, ProviderError> {
    let lower = text.to_lowercase();
    let mut matches = Vec::new();
    for page in 1..=SCAN_PAGES {
        let (branches, more) = list(client, access, path, default, 100, page).await?;
        matches.extend(
            branches
                .into_iter()
                .filter(|branch| branch.name.to_lowercase().contains(&lower)),
        );
        if !more {
            return Ok(matches);
        }
    }
    let beginning = by_prefix(client, access, path, default, text).await?;
    let more: Vec<Branch> = beginning
        .into_iter()
        .filter(|branch| !matches.iter().any(|found| found.name == branch.name))
        .collect();
    matches.extend(more);
    Ok(matches)
}

async fn by_prefix(
    client: &Client,
    access: &Access,
    path: &str,
    default: Option<&str>,
    text: &str,
) -> Result<Vec<Branch>, ProviderError> {
    let Some(prefix) = path::reference(text) else {
        return Ok(Vec::new());
    };
    let answer = match client
        .get(
            access,
            &format!("{path}/git/matching-refs/heads/{prefix}"),
            &[],
        )
        .await
    {
        Ok(answer) => answer,
        // "Git Repository is empty."
        Err(error) if error.status == Some(409) && error.class == ErrorClass::Unexpected => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let branches = items::<Ref>(&answer)?.read.into_iter().filter_map(|found| {
        let name = found.name.strip_prefix("refs/heads/")?.to_owned();
        Some(Branch {
            is_default: default == Some(name.as_str()),
            name,
            is_protected: None,
            commit_sha: found.object.sha,
        })
    });
    Ok(branches.collect())
}

fn slice(matches: Vec<Branch>, page: u32, per_page: u32) -> BranchPage {
    let size = usize::try_from(per_page).unwrap_or(usize::MAX);
    let before = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(size);
    let has_next = matches.len() > before.saturating_add(size);
    let branches = matches.into_iter().skip(before).take(size).collect();
    BranchPage { branches, has_next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_matches() {
        let branch = |n: usize| Branch {
            name: format!("b{n}"),
            is_default: false,
            is_protected: None,
            commit_sha: String::new(),
        };
        let cut = |page, per_page| {
            let cut = slice((0..5).map(branch).collect(), page, per_page);
            (cut.branches.len(), cut.has_next)
        };
        assert_eq!(cut(1, 2), (2, true));
        assert_eq!(cut(3, 2), (1, false));
        assert_eq!(cut(1, 5), (5, false));
        assert_eq!(cut(u32::MAX, 100), (0, false));
    }
}
