//! The walk: workspace by workspace, page by page, in orders that hold while it goes on.
//!
//! Workspaces come in the order of their UUIDs and are listed anew before each next one, so one
//! that comes or goes moves none of the others. Within a workspace the oldest repository comes
//! first: a new one comes at the end and a rename moves nothing.

use serde::{Deserialize, Serialize};

use super::super::transport::failure;
use super::super::{Access, ErrorClass, ListQuery, ProviderError, RepositoryPage};
use super::client::{Client, encoded};
use super::repositories::{Item, Position, search, span, told_on};
use super::workspaces::{self, Workspace};
use super::writable::{self, Writable};
use super::{credential, paging, path};
use crate::outbound::{Requests, rate_limit};

/// Where a walk stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stand {
    /// The workspace that is read: its UUID.
    workspace: String,
    /// Whether the user administers it.
    administered: bool,
    /// Whether it was the only one as the walk began, so that its size is that of the whole.
    alone: bool,
    /// The query of the next page in it; none at its beginning.
    next: Option<String>,
}

impl Stand {
    fn before(workspace: &Workspace, alone: bool) -> Self {
        Self {
            workspace: workspace.id.clone(),
            administered: workspace.administered,
            alone,
            next: None,
        }
    }
}

/// The first page.
pub(super) async fn start(
    client: &Client,
    access: &Access,
    query: &ListQuery,
) -> Result<RepositoryPage, ProviderError> {
    let (all, requests) = workspaces::all(client, access).await?;
    let Some(first) = all.first() else {
        return Ok(RepositoryPage {
            total: Some(0),
            requests,
            ..RepositoryPage::default()
        });
    };
    let stand = Stand::before(first, all.len() == 1);
    read(client, access, query, stand, Some((all, requests))).await
}

/// The page behind a cursor.
pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    stand: Stand,
) -> Result<RepositoryPage, ProviderError> {
    read(client, access, query, stand, None).await
}

/// Reads a page; `listed` are the workspaces where they were just listed, and what that took.
async fn read(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    stand: Stand,
    mut listed: Option<(Vec<Workspace>, u32)>,
) -> Result<RepositoryPage, ProviderError> {
    let asked = stand
        .next
        .clone()
        .unwrap_or_else(|| first_query(access, query));
    let path = path::workspace(&stand.workspace)?;
    let mut page = RepositoryPage {
        requests: listed.as_ref().map_or(0, |(_, requests)| *requests),
        ..RepositoryPage::default()
    };
    let next = match client.get(access, &path, &asked).await {
        Ok(answer) => {
            let found = paging::read::<Item>(access, &answer)?;
            page.requests += Requests::behind(&answer);
            page.rate_limit = rate_limit::bitbucket(answer.headers());
            page.total = found.size.filter(|_| stand.alone);
            let writable = if credential::is_nobodys(access) {
                writable::by_scopes(answer.headers())
            } else if stand.administered {
                Writable::All(true)
            } else {
                let span = span(&found.items, "created_on", |item| item.created_on);
                let told = writable::by_role(client, access, &stand.workspace, span).await?;
                page.requests += told.1;
                told.0
            };
            (page.repositories, page.undecodable) = told_on(access, found.items, &writable);
            if found.next.as_deref() == Some(asked.as_str()) {
                let back = "the next page of repositories leads back";
                return Err(failure(ErrorClass::Unexpected, back));
            }
            found.next
        }
        Err(error) if keeps_out(&error) => {
            let all = list_anew(client, access, &mut listed, &mut page.requests).await?;
            let is_there = all.iter().any(|one| one.id == stand.workspace);
            if is_there && all.len() == 1 {
                return Err(error);
            }
            tracing::info!(workspace = %stand.workspace, detail = %error.detail, is_there,
                "a workspace was left out of a listing");
            page.partial = is_there;
            page.requests += 1;
            None
        }
        Err(error) => return Err(error),
    };
    let next = match next {
        Some(next) => Some(Stand {
            next: Some(next),
            ..stand
        }),
        None if credential::named_place(access).is_some() => None,
        None => {
            let all = list_anew(client, access, &mut listed, &mut page.requests).await?;
            let behind = all.iter().find(|one| one.id > stand.workspace);
            behind.map(|one| Stand::before(one, false))
        }
    };
    page.next = next.map(|stand| Position::Walk(stand).cursor());
    Ok(page)
}

fn first_query(access: &Access, query: &ListQuery) -> String {
    let per_page = query.per_page.clamp(1, 100).to_string();
    let search = search(query);
    let mut pairs = vec![("sort", "created_on"), ("pagelen", per_page.as_str())];
    if !credential::is_nobodys(access) {
        pairs.insert(0, ("role", "member"));
    }
    if let Some(search) = &search {
        pairs.push(("q", search));
    }
    encoded(&pairs)
}

/// Whether a refusal is of this workspace alone: gone, walled, or taken down.
pub(super) fn keeps_out(error: &ProviderError) -> bool {
    matches!(
        error.class,
        ErrorClass::NotFound | ErrorClass::Forbidden | ErrorClass::SsoBlocked
    ) || error.status == Some(410)
}

/// The workspaces, listed once per page.
async fn list_anew<'l>(
    client: &Client,
    access: &Access,
    listed: &'l mut Option<(Vec<Workspace>, u32)>,
    requests: &mut u32,
) -> Result<&'l [Workspace], ProviderError> {
    if listed.is_none() {
        let found = workspaces::all(client, access).await?;
        *requests += found.1;
        *listed = Some(found);
    }
    Ok(listed.as_ref().map_or(&[], |(all, _)| all.as_slice()))
}
