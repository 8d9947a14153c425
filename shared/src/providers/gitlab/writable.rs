//! The projects that a GitLab token may push to, for somebody who picks one.
//!
//! By recent activity and numbered, so that all pages can be fetched at once: the first one tells
//! how many there are, up to 10,000 projects. Beyond, and before the 50,000 at which numbered pages
//! end, the listing goes on by id from its start, one page after the other. A project that moves
//! meanwhile may be told twice; whoever collects the pages keeps it once.

use gitlab::api::common::{AccessLevel, SortOrder};
use gitlab::api::projects::{ProjectOrderBy, Projects};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::transport::{Items, etag, failure, items};
use super::super::{
    Access, CheckedPage, Cursor, ErrorClass, HeldPage, ListQuery, ProviderError, RepositoryPage,
};
use super::client::{Client, unbuildable};
use super::repositories::{Project, has_next, number, told};
use crate::outbound::link_parameter;

/// More pages than GitLab counts.
const MOST_AHEAD: u32 = 500;

/// Where the listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    /// By recent activity.
    Recent { page: u32 },
    /// By id.
    Id { after: u64 },
}

impl Position {
    fn cursor(self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    cursor: Option<&Cursor>,
    held: Option<&HeldPage>,
) -> Result<CheckedPage, ProviderError> {
    let position = match cursor {
        None => Position::Recent { page: 1 },
        Some(cursor) => serde_json::from_value(cursor.0.clone())
            .map_err(|_| failure(ErrorClass::Unexpected, "the cursor is not one of GitLab's"))?,
    };
    let per_page = query.per_page.clamp(1, 100);
    let mut endpoint = Projects::builder();
    endpoint
        .membership(true)
        .min_access_level(AccessLevel::Developer);
    let per_page_text = per_page.to_string();
    let mut paging = vec![("per_page", per_page_text.as_str())];
    let page_text;
    match position {
        Position::Recent { page } => {
            endpoint
                .order_by(ProjectOrderBy::LastActivityAt)
                .sort(SortOrder::Descending);
            page_text = page.to_string();
            paging.push(("page", &page_text));
        }
        Position::Id { after } => {
            endpoint
                .order_by(ProjectOrderBy::Id)
                .sort(SortOrder::Ascending);
            if after > 0 {
                endpoint.id_after(after);
            }
            paging.push(("pagination", "keyset"));
        }
    }
    let endpoint = endpoint.build().map_err(unbuildable)?;
    let known = held.map(|held| held.etag.as_str());
    let answer = client
        .ask_if_changed(access, &endpoint, &paging, known)
        .await?;
    let headers = answer.headers();
    let not_modified = held.is_some() && answer.status() == StatusCode::NOT_MODIFIED;
    let found: Items<Project> = if not_modified {
        Items::none()
    } else {
        items(&answer)?
    };
    let is_full = found.count >= usize::try_from(per_page).unwrap_or(usize::MAX);
    let pages = number(headers, "x-total-pages").and_then(|pages| u32::try_from(pages).ok());
    let mut ahead = Vec::new();
    let next = match (position, held.filter(|_| not_modified)) {
        (_, Some(held)) if !has_next(headers) => held.next.clone(),
        (Position::Recent { page: 1 }, _) if has_next(headers) && pages.is_none() => {
            Some(Position::Id { after: 0 }.cursor())
        }
        (Position::Recent { page }, _) if has_next(headers) => {
            if let (1, Some(last)) = (page, pages) {
                ahead = (3..=last.min(MOST_AHEAD))
                    .map(|page| Position::Recent { page }.cursor())
                    .collect();
            }
            let page = page.saturating_add(1);
            Some(Position::Recent { page }.cursor())
        }
        (Position::Recent { .. }, _) => None,
        (Position::Id { after }, _) => {
            let linked = link_parameter(headers, "next", "id_after");
            let goes_on = linked.is_some() || is_full;
            let next = linked.flatten().and_then(|id| id.parse().ok());
            next.or(found.last_id)
                .filter(|id| goes_on && *id > after)
                .map(|after| Position::Id { after }.cursor())
        }
    };
    let etag = etag(&answer).or_else(|| held.map(|held| held.etag.clone()));
    Ok(CheckedPage {
        page: RepositoryPage {
            next,
            ahead,
            ..told(client, found, &answer)
        },
        etag,
        not_modified,
    })
}
