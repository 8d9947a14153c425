//! The branches of a project at GitLab.
//!
//! Source: `GET /projects/:id/repository/branches`. Its search takes `^` and `$` as anchors; a
//! text is searched for as it stands, since neither can be part of a branch's name at its ends
//! (`^` nowhere at all).

use gitlab::api::projects::repository::branches::Branches;
use serde::Deserialize;

use super::super::transport::{Numbered, items};
use super::super::{Access, BranchPage, BranchQuery, ProviderError};
use super::client::{Client, unbuildable};
use super::errors;
use super::repositories::{checked, has_next};
use crate::domain::repository::Branch;

#[derive(Deserialize)]
struct Item {
    name: String,
    commit: Commit,
    default: Option<bool>,
    protected: Option<bool>,
}

impl Numbered for Item {}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &BranchQuery,
) -> Result<BranchPage, ProviderError> {
    let mut endpoint = Branches::builder();
    endpoint.project(checked(&query.full_name)?);
    if let Some(text) = query
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        endpoint.search(text);
    }
    let endpoint = endpoint.build().map_err(unbuildable)?;
    let (per_page, page) = (
        query.per_page.clamp(1, 100).to_string(),
        query.page.max(1).to_string(),
    );
    let paging = [("per_page", per_page.as_str()), ("page", page.as_str())];
    let answer = match client.ask(access, &endpoint, &paging).await {
        Ok(answer) => answer,
        Err(error) if errors::has_no_repository(&error) => return Ok(BranchPage::default()),
        Err(error) => return Err(error),
    };
    let branches = items::<Item>(&answer)?.read.into_iter().map(|item| Branch {
        name: item.name,
        is_default: item.default.unwrap_or(false),
        is_protected: item.protected,
        commit_sha: item.commit.id,
    });
    Ok(BranchPage {
        branches: branches.collect(),
        has_next: has_next(answer.headers()),
    })
}
