//! The projects that a GitLab token is a member of.
//!
//! Source: GitLab REST documentation (projects, pagination). A walk goes by id, keyset-paged, so
//! that every project is seen once whatever changes meanwhile, without the 50,000 rows at which
//! numbered pages end. A page that somebody looks at is numbered, because it has a number.
//!
//! A first walk is serial: where a page ends is known when it is there. (Pages by number could be
//! fetched at once, below 10,000 rows, but a membership that comes or goes meanwhile moves all that
//! follow, and no order by id excludes it. Ranges of ids could be, too, but nobody knows where the
//! ids of an account lie: an instance has millions, an account some hundreds.) A later walk knows
//! where pages ended, and such a place is as good a start as any: it is a bound in the order by id,
//! whatever has come or gone. So its pages are fetched at once, and what [`goes_on_from`] does not
//! find passed is asked for in addition: one page per place where more came in than a page holds.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use gitlab::api::common::SortOrder;
use gitlab::api::projects::{Project as ProjectEndpoint, ProjectOrderBy, Projects};
use http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::super::transport::{Items, Numbered, etag, failure, items, object};
use super::super::{
    Access, CheckedPage, Cursor, ErrorClass, HeldPage, ListQuery, ProviderError, RepositoryPage,
};
use super::client::{Client, unbuildable};
use crate::domain::repository::RemoteRepository;
use crate::outbound::{Requests, link_parameter, rate_limit};

/// Developer: the lowest level that may push.
const MAY_PUSH: u32 = 30;

/// What GitLab tells of a project, as far as we read it.
#[derive(Deserialize)]
pub(super) struct Project {
    id: u64,
    path: String,
    path_with_namespace: String,
    web_url: String,
    http_url_to_repo: Option<String>,
    ssh_url_to_repo: Option<String>,
    visibility: Option<String>,
    default_branch: Option<String>,
    description: Option<String>,
    archived: Option<bool>,
    forked_from_project: Option<serde::de::IgnoredAny>,
    permissions: Option<Permissions>,
    last_activity_at: Option<DateTime<Utc>>,
}

impl Numbered for Project {
    fn number(&self) -> Option<u64> {
        Some(self.id)
    }
}

#[derive(Deserialize)]
struct Permissions {
    project_access: Option<Level>,
    group_access: Option<Level>,
}

#[derive(Deserialize)]
struct Level {
    access_level: Option<u32>,
}

impl Permissions {
    fn may_push(&self) -> bool {
        [&self.project_access, &self.group_access]
            .into_iter()
            .flatten()
            .any(|level| level.access_level >= Some(MAY_PUSH))
    }
}

impl From<Project> for RemoteRepository {
    fn from(project: Project) -> Self {
        Self {
            provider_repository_id: project.id.to_string(),
            name: project.path,
            full_name: project.path_with_namespace,
            // Absent where the instance does not serve Git over HTTPS; the form is fixed.
            clone_url: project
                .http_url_to_repo
                .unwrap_or_else(|| format!("{}.git", project.web_url)),
            url: project.web_url,
            ssh_url: project.ssh_url_to_repo,
            // Not told: hidden from whom we do not know, so it counts as private.
            private: project.visibility.as_deref() != Some("public"),
            default_branch: project.default_branch.filter(|branch| !branch.is_empty()),
            description: project.description.filter(|text| !text.is_empty()),
            language: None,
            archived: project.archived.unwrap_or(false),
            fork: project.forked_from_project.is_some(),
            has_write_access: project.permissions.map(|may| may.may_push()),
            size_kb: None,
            pushed_at: project.last_activity_at,
        }
    }
}

/// Where a listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    /// A walk: projects with greater ids follow; 0 at its start.
    Walk { id_after: u64 },
    /// A page that somebody looks at.
    Live { page: u32 },
}

impl Position {
    fn read(cursor: &Cursor) -> Result<Self, ProviderError> {
        serde_json::from_value(cursor.0.clone())
            .map_err(|_| failure(ErrorClass::Unexpected, "the cursor is not one of GitLab's"))
    }

    fn cursor(self) -> Cursor {
        // A map of numbers; there is nothing in it that JSON could not say.
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

/// A page; where one is `held`, only if it has changed since.
pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    cursor: Option<&Cursor>,
    held: Option<&HeldPage>,
) -> Result<CheckedPage, ProviderError> {
    let position = match (cursor, query.page) {
        (Some(cursor), _) => Position::read(cursor)?,
        (None, Some(page)) => Position::Live { page: page.max(1) },
        (None, None) => Position::Walk { id_after: 0 },
    };
    let per_page = query.per_page.clamp(1, 100);
    let mut endpoint = Projects::builder();
    endpoint.membership(true).sort(SortOrder::Ascending);
    if let Some(text) = query
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        endpoint.search(text);
    }
    let per_page_text = per_page.to_string();
    let mut paging = vec![("per_page", per_page_text.as_str())];
    let page_text;
    match position {
        Position::Walk { id_after } => {
            endpoint.order_by(ProjectOrderBy::Id);
            if id_after > 0 {
                endpoint.id_after(id_after);
            }
            paging.push(("pagination", "keyset"));
        }
        Position::Live { page } => {
            endpoint
                .order_by(ProjectOrderBy::LastActivityAt)
                .sort(SortOrder::Descending);
            page_text = page.to_string();
            paging.push(("page", &page_text));
        }
    }
    let endpoint = endpoint.build().map_err(unbuildable)?;
    let known = held.map(|held| held.etag.as_str());
    let answer = client
        .ask_if_changed(access, &endpoint, &paging, known)
        .await?;
    if let Some(held) = held.filter(|_| answer.status() == StatusCode::NOT_MODIFIED) {
        return Ok(unchanged(client, &answer, position, held));
    }
    let found = items::<Project>(&answer)?;
    let is_full = found.count >= usize::try_from(per_page).unwrap_or(usize::MAX);
    let next = match position {
        Position::Walk { id_after } => next_id(answer.headers(), id_after, found.last_id, is_full)?
            .map(|id_after| Position::Walk { id_after }),
        Position::Live { page } => has_next(answer.headers()).then(|| Position::Live {
            page: page.saturating_add(1),
        }),
    };
    let etag = etag(&answer);
    Ok(CheckedPage {
        page: RepositoryPage {
            next: next.map(Position::cursor),
            ..told(client, found, &answer)
        },
        etag,
        not_modified: false,
    })
}

/// A page whose body is as it was. By keyset that settles what follows: behind its last id there was
/// something, or the page was not full. A numbered page's links tell, or what was known.
fn unchanged(
    client: &Client,
    answer: &Response<Bytes>,
    position: Position,
    held: &HeldPage,
) -> CheckedPage {
    let next = match position {
        Position::Live { page } if has_next(answer.headers()) => {
            let page = page.saturating_add(1);
            Some(Position::Live { page }.cursor())
        }
        _ => held.next.clone(),
    };
    CheckedPage {
        page: RepositoryPage {
            next,
            ..told(client, Items::none(), answer)
        },
        etag: Some(held.etag.clone()),
        not_modified: true,
    }
}

/// What every page tells.
pub(super) fn told(
    client: &Client,
    found: Items<Project>,
    answer: &Response<Bytes>,
) -> RepositoryPage {
    RepositoryPage {
        repositories: found.read.into_iter().map(RemoteRepository::from).collect(),
        undecodable: found.unread,
        total: number(answer.headers(), "x-total"),
        requests: Requests::behind(answer),
        rate_limit: rate_limit::gitlab(answer.headers(), client.now()),
        ..RepositoryPage::default()
    }
}

/// From `cursor` to `next` every id was seen, so a walk from any id between them goes on.
pub(super) fn goes_on_from(cursor: Option<&Cursor>, next: &Cursor, planned: &Cursor) -> bool {
    let after = |cursor: &Cursor| match Position::read(cursor) {
        Ok(Position::Walk { id_after }) => Some(id_after),
        _ => None,
    };
    let start = cursor.map_or(Some(0), after);
    match (start, after(next), after(planned)) {
        (Some(start), Some(next), Some(planned)) => start < planned && planned <= next,
        _ => planned == next,
    }
}

/// The id after which the walk goes on. The `Link` header says it; a proxy that drops the header
/// must not end the walk early, so a full page goes on behind its last id. A host that leads back
/// is an error, since the walk would never end.
fn next_id(
    headers: &HeaderMap,
    id_after: u64,
    last_id: Option<u64>,
    is_full: bool,
) -> Result<Option<u64>, ProviderError> {
    let linked = link_parameter(headers, "next", "id_after");
    if linked.is_none() && !is_full {
        return Ok(None);
    }
    let told = linked.flatten().and_then(|id| id.parse().ok());
    match told.or(last_id) {
        Some(next) if next > id_after => Ok(Some(next)),
        _ => Err(failure(
            ErrorClass::Unexpected,
            "the next page of projects leads back",
        )),
    }
}

pub(super) fn has_next(headers: &HeaderMap) -> bool {
    number(headers, "x-next-page").is_some() || link_parameter(headers, "next", "page").is_some()
}

pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// One project; GitLab redirects an old path to the project's number, which is followed.
pub(super) async fn one(
    client: &Client,
    access: &Access,
    full_name: &str,
) -> Result<RemoteRepository, ProviderError> {
    let endpoint = ProjectEndpoint::builder()
        .project(checked(full_name)?)
        .build()
        .map_err(unbuildable)?;
    let answer = client.ask(access, &endpoint, &[]).await?;
    object::<Project>(&answer).map(RemoteRepository::from)
}

/// A full path has a namespace; a bare number would be read as another project's id.
pub(super) fn checked(full_name: &str) -> Result<&str, ProviderError> {
    let mut parts = full_name.split('/');
    let is_path = full_name.contains('/') && parts.all(|part| !matches!(part, "" | "." | ".."));
    if is_path {
        Ok(full_name)
    } else {
        Err(failure(
            ErrorClass::NotFound,
            "the full name is not of the form group/project",
        ))
    }
}

#[cfg(test)]
#[path = "repositories_tests.rs"]
mod tests;
