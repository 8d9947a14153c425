//! A page that somebody looks at: the lists of all workspaces, one behind the other, each with
//! what was changed last at its top.
//!
//! Which part of which list a page shows follows from their sizes, so with several workspaces each
//! is first asked for its size. Where one does not tell its size, what is behind it in the order of
//! workspaces does not show; a search or the stored repositories do.

use super::super::{Access, ErrorClass, ListQuery, ProviderError, RepositoryPage, Undecodable};
use super::client::{Client, encoded};
use super::paging::{self, Paged};
use super::repositories::{Item, Position, search, span, told_on};
use super::workspaces::{self, Workspace};
use super::writable::{self, Writable};
use super::{credential, path, walk};
use crate::domain::quota::RateLimit;
use crate::outbound::{Requests, rate_limit};

/// One look, and what it has taken so far.
struct Look<'a> {
    client: &'a Client,
    access: &'a Access,
    query: &'a ListQuery,
    requests: u32,
    rate_limit: RateLimit,
}

/// A list of one workspace as far as it was asked for.
struct Part {
    items: Vec<Result<Item, Undecodable>>,
    size: Option<i64>,
    more: bool,
    scopes: Writable,
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    number: u32,
) -> Result<RepositoryPage, ProviderError> {
    let per_page = query.per_page.clamp(1, 100);
    let (all, requests) = workspaces::all(client, access).await?;
    let mut look = Look {
        client,
        access,
        query,
        requests,
        rate_limit: RateLimit::default(),
    };
    let mut page = RepositoryPage {
        total: Some(0),
        ..RepositoryPage::default()
    };
    let mut skip = i64::from(number - 1) * i64::from(per_page);
    let mut wanted = usize::try_from(per_page).unwrap_or(100);
    let mut more = false;
    for workspace in &all {
        let size = if all.len() == 1 {
            None
        } else {
            match look.part(workspace, 1, 1).await {
                Ok(part) => part.size.or(part.items.is_empty().then_some(0)),
                Err(error) if walk::keeps_out(&error) => {
                    page.partial = true;
                    continue;
                }
                Err(error) => return Err(error),
            }
        };
        page.total = match (page.total, size) {
            (Some(total), Some(size)) => Some(total + size),
            _ => None,
        };
        if wanted == 0 || size.is_some_and(|size| size <= skip) {
            more |= wanted == 0 && size != Some(0);
            skip -= size.unwrap_or_default();
            continue;
        }
        let shown = look.shown(workspace, skip, wanted, per_page).await?;
        if all.len() == 1 {
            page.total = shown.size;
        }
        skip = (skip - shown.size.or(size).unwrap_or_default()).max(0);
        wanted -= shown.items.len();
        more |= shown.more;
        let writable = look.writable(workspace, &shown).await?;
        let (read, unread) = told_on(access, shown.items, &writable);
        page.repositories.extend(read);
        page.undecodable.extend(unread);
    }
    page.next = more.then(|| Position::Live { page: number + 1 }.cursor());
    page.requests = look.requests;
    page.rate_limit = look.rate_limit;
    Ok(page)
}

impl Look<'_> {
    /// A page of one workspace. Behind its last one there is nothing, which Bitbucket may answer by
    /// 404.
    async fn part(
        &mut self,
        workspace: &Workspace,
        number: i64,
        per_page: u32,
    ) -> Result<Part, ProviderError> {
        let (number_text, per_page) = (number.to_string(), per_page.to_string());
        let search = search(self.query);
        let mut pairs = vec![
            ("sort", "-updated_on"),
            ("pagelen", per_page.as_str()),
            ("page", number_text.as_str()),
        ];
        if !credential::is_nobodys(self.access) {
            pairs.insert(0, ("role", "member"));
        }
        if let Some(search) = &search {
            pairs.push(("q", search));
        }
        let path = path::workspace(&workspace.id)?;
        self.requests += 1;
        let answer = match self.client.get(self.access, &path, &encoded(&pairs)).await {
            Ok(answer) => answer,
            Err(error) if number > 1 && error.class == ErrorClass::NotFound => {
                return Ok(Part {
                    items: Vec::new(),
                    size: None,
                    more: false,
                    scopes: Writable::Unknown,
                });
            }
            Err(error) => return Err(error),
        };
        self.requests += Requests::behind(&answer) - 1;
        self.rate_limit = rate_limit::bitbucket(answer.headers());
        let Paged { items, size, next } = paging::read(self.access, &answer)?;
        Ok(Part {
            items,
            size,
            more: next.is_some(),
            scopes: writable::by_scopes(answer.headers()),
        })
    }

    /// Up to `wanted` items behind the first `skip` of a workspace. They lie on one page of it, or
    /// on two.
    async fn shown(
        &mut self,
        workspace: &Workspace,
        skip: i64,
        wanted: usize,
        per_page: u32,
    ) -> Result<Part, ProviderError> {
        let (number, inside) = (
            skip / i64::from(per_page) + 1,
            usize::try_from(skip % i64::from(per_page)).unwrap_or_default(),
        );
        let mut part = self.part(workspace, number, per_page).await?;
        part.items.drain(..inside.min(part.items.len()));
        if part.items.len() < wanted && part.more {
            let rest = self.part(workspace, number + 1, per_page).await?;
            part.items.extend(rest.items);
            part.more = rest.more;
        }
        part.more |= part.items.len() > wanted;
        part.items.truncate(wanted);
        Ok(part)
    }

    async fn writable(
        &mut self,
        workspace: &Workspace,
        shown: &Part,
    ) -> Result<Writable, ProviderError> {
        if credential::is_nobodys(self.access) {
            return Ok(match shown.scopes {
                Writable::All(all) => Writable::All(all),
                _ => Writable::Unknown,
            });
        }
        if workspace.administered {
            return Ok(Writable::All(true));
        }
        let span = span(&shown.items, "updated_on", |item| item.updated_on);
        let (writable, requests) =
            writable::by_role(self.client, self.access, &workspace.id, span).await?;
        self.requests += requests;
        Ok(writable)
    }
}
