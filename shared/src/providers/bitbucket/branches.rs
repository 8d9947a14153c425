//! The branches of a repository at Bitbucket.
//!
//! Source: `GET /repositories/{workspace}/{repo_slug}/refs/branches`. Which one is the default is
//! the repository's to tell, so it is asked too. Whether one is protected only administrators may
//! read (`branch-restrictions`), so nothing is said of it.

use serde::Deserialize;

use super::super::transport::{failure, object};
use super::super::{Access, BranchPage, BranchQuery, ErrorClass, ProviderError};
use super::client::{Client, encoded, quoted};
use super::repositories::Item;
use super::{paging, path};
use crate::domain::repository::Branch;

#[derive(Deserialize)]
struct Ref {
    name: String,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    hash: String,
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &BranchQuery,
) -> Result<BranchPage, ProviderError> {
    let repository = path::repository(&query.full_name)?;
    let item: Item = object(&client.get(access, &repository, "").await?)?;
    let (per_page, number) = (
        query.per_page.clamp(1, 100).to_string(),
        query.page.max(1).to_string(),
    );
    let mut pairs = vec![("pagelen", per_page.as_str()), ("page", number.as_str())];
    let search = query.search.as_deref().map(str::trim);
    let search = search
        .filter(|text| !text.is_empty())
        .map(|text| format!("name ~ {}", quoted(text)));
    if let Some(search) = &search {
        pairs.push(("q", search));
    }
    let branches = format!("{repository}/refs/branches");
    let answer = match client.get(access, &branches, &encoded(&pairs)).await {
        Ok(answer) => answer,
        // The repository is there: what is not is this page of it.
        Err(error) if error.class == ErrorClass::NotFound => return Ok(BranchPage::default()),
        Err(error) => return Err(error),
    };
    let found = paging::read::<Ref>(access, &answer)?;
    let has_next = found.next.is_some();
    let branches = found.items.into_iter().map(|branch| {
        let branch = branch.map_err(|why| failure(ErrorClass::Unexpected, why.detail))?;
        Ok(Branch {
            is_default: item.default_branch() == Some(branch.name.as_str()),
            is_protected: None,
            commit_sha: branch.target.hash,
            name: branch.name,
        })
    });
    Ok(BranchPage {
        branches: branches.collect::<Result<_, ProviderError>>()?,
        has_next,
    })
}
