//! The repositories that a GitHub token sees.
//!
//! Source: `GET /user/repos`, `GET /repos/{owner}/{repo}`; for an installation of an App `GET
//! /installation/repositories`, which knows no order and tells the total.
//!
//! Pages are numbered, so a repository that leaves the listing moves the ones behind it by one.
//! No order of GitHub's excludes that; a walk goes by creation, the one order in which renames
//! and new repositories move nothing that is still to come.
//!
//! The listing takes no search text, and GitHub's search is limited to 30 questions a minute and
//! to owners that must be named. A search therefore reads the listing by hundreds and keeps what
//! matches, at most [`SCAN_PAGES`] requests at a time; its cursor goes on from there.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::LINK;
use http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::transport::{Items, Numbered, etag, failure, items, object, read_items};
use super::super::{
    Access, CheckedPage, Cursor, ErrorClass, HeldPage, ListQuery, ProviderError, RepositoryPage,
    Scheme,
};
use super::client::Client;
use super::path;
use crate::domain::repository::RemoteRepository;
use crate::outbound::{Requests, link_parameter, rate_limit};

/// Requests that one page of a search may take.
const SCAN_PAGES: u32 = 10;
/// GitHub's largest page.
const LARGEST_PAGE: u32 = 100;

/// What GitHub tells of a repository, as far as we read it.
#[derive(Deserialize)]
pub(super) struct Repo {
    id: u64,
    name: String,
    pub(super) full_name: String,
    html_url: String,
    clone_url: String,
    ssh_url: Option<String>,
    private: bool,
    pub(super) default_branch: Option<String>,
    description: Option<String>,
    language: Option<String>,
    archived: Option<bool>,
    fork: Option<bool>,
    permissions: Option<Permissions>,
    size: Option<i64>,
    pushed_at: Option<DateTime<Utc>>,
}

impl Numbered for Repo {
    fn number(&self) -> Option<u64> {
        Some(self.id)
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Permissions {
    admin: bool,
    maintain: bool,
    push: bool,
}

impl From<Repo> for RemoteRepository {
    fn from(repo: Repo) -> Self {
        Self {
            provider_repository_id: repo.id.to_string(),
            name: repo.name,
            full_name: repo.full_name,
            url: repo.html_url,
            clone_url: repo.clone_url,
            ssh_url: repo.ssh_url,
            private: repo.private,
            default_branch: repo.default_branch.filter(|branch| !branch.is_empty()),
            description: repo.description.filter(|text| !text.is_empty()),
            language: repo.language,
            archived: repo.archived.unwrap_or(false),
            fork: repo.fork.unwrap_or(false),
            has_write_access: repo
                .permissions
                .map(|may| may.push || may.maintain || may.admin),
            size_kb: repo.size,
            pushed_at: repo.pushed_at,
        }
    }
}

/// Where a listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    /// A walk through everything.
    Walk { page: u32 },
    /// A page that somebody looks at.
    Live { page: u32 },
    /// A search: the listing's page, and how many of its items are done.
    Search { page: u32, done: usize },
}

impl Position {
    fn read(cursor: &Cursor) -> Result<Self, ProviderError> {
        serde_json::from_value(cursor.0.clone())
            .map_err(|_| failure(ErrorClass::Unexpected, "the cursor is not one of GitHub's"))
    }

    fn cursor(self) -> Cursor {
        // A map of numbers; there is nothing in it that JSON could not say.
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

/// A page; where one is `held`, only if it has changed since (a search is never held).
pub(super) async fn page(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    cursor: Option<&Cursor>,
    held: Option<&HeldPage>,
) -> Result<CheckedPage, ProviderError> {
    let position = cursor.map(Position::read).transpose()?;
    let search = query
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match (position, search, query.page) {
        (Some(Position::Walk { page }), ..) => plain(client, access, query, page, WALK, held).await,
        (Some(Position::Live { page }), ..) => plain(client, access, query, page, LIVE, held).await,
        (Some(Position::Search { page, done }), text, _) => {
            let text = text.unwrap_or_default();
            let page = search_from(client, access, query, text, (page, done), 0).await?;
            Ok(page.into())
        }
        (None, Some(text), page) => {
            let before = (page.unwrap_or(1).max(1) - 1).saturating_mul(per_page(query));
            let before = usize::try_from(before).unwrap_or(usize::MAX);
            let page = search_from(client, access, query, text, (1, 0), before).await?;
            Ok(page.into())
        }
        (None, None, Some(page)) => plain(client, access, query, page.max(1), LIVE, held).await,
        (None, None, None) => plain(client, access, query, 1, WALK, held).await,
    }
}

struct Order {
    sort: &'static str,
    position: fn(u32) -> Position,
}

const WALK: Order = Order {
    sort: "created",
    position: |page| Position::Walk { page },
};
const LIVE: Order = Order {
    sort: "full_name",
    position: |page| Position::Live { page },
};

fn per_page(query: &ListQuery) -> u32 {
    query.per_page.clamp(1, LARGEST_PAGE)
}

async fn list(
    client: &Client,
    access: &Access,
    sort: &str,
    per_page: u32,
    page: u32,
    etag: Option<&str>,
) -> Result<(Items<Repo>, Option<i64>, Response<Bytes>), ProviderError> {
    let (per_page, page) = (per_page.to_string(), page.to_string());
    let query = [
        ("affiliation", "owner,collaborator,organization_member"),
        ("sort", sort),
        ("direction", "asc"),
        ("per_page", &per_page),
        ("page", &page),
    ];
    let installation = access.scheme == Scheme::Installation;
    let (path, query) = match installation {
        true => ("/installation/repositories", &query[3..]),
        false => ("/user/repos", &query[..]),
    };
    let answer = client.get_if_changed(access, path, query, etag).await?;
    if answer.status() == StatusCode::NOT_MODIFIED {
        return Ok((Items::none(), None, answer));
    }
    if installation {
        let list: OfInstallation<'_> = object(&answer)?;
        let found = read_items(&answer, list.repositories)?;
        let total = list.total_count;
        return Ok((found, total, answer));
    }
    Ok((items(&answer)?, None, answer))
}

#[derive(Deserialize)]
struct OfInstallation<'a> {
    total_count: Option<i64>,
    #[serde(borrow)]
    repositories: &'a RawValue,
}

async fn plain(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    page: u32,
    order: Order,
    held: Option<&HeldPage>,
) -> Result<CheckedPage, ProviderError> {
    let per_page = per_page(query);
    let known = held.map(|held| held.etag.as_str());
    let (found, told_total, answer) =
        list(client, access, order.sort, per_page, page, known).await?;
    let not_modified = answer.status() == StatusCode::NOT_MODIFIED;
    let has_next = match held.filter(|_| not_modified) {
        Some(held) => follows_unchanged(answer.headers(), held),
        None => has_next(answer.headers()),
    };
    let cursor = |page| (order.position)(page).cursor();
    let last = last_page(answer.headers());
    let before = i64::from(page - 1) * i64::from(per_page);
    let here = held.filter(|_| not_modified).map_or(count(&found), |held| {
        i64::try_from(held.repositories).unwrap_or(i64::MAX)
    });
    let etag = etag(&answer);
    Ok(CheckedPage {
        page: RepositoryPage {
            // Known on the last page alone: GitHub counts pages, not repositories.
            total: told_total.or((!has_next).then_some(before + here)),
            next: has_next.then(|| cursor(page.saturating_add(1))),
            ahead: match last {
                Some(last) if page == 1 && has_next => {
                    (3..=last.min(MOST_AHEAD)).map(cursor).collect()
                }
                _ => Vec::new(),
            },
            requests: Requests::behind(&answer),
            ..told(client, found, &answer)
        },
        etag,
        not_modified,
    })
}

/// Whether a page follows one that is unchanged. Its links are not part of its body: a page that was
/// full and the last one may have got a successor. Where a 304 comes without links, it is asked for.
fn follows_unchanged(headers: &HeaderMap, held: &HeldPage) -> bool {
    if headers.contains_key(LINK) {
        has_next(headers)
    } else {
        held.next.is_some() || held.repositories > 0
    }
}

/// More pages than any token sees; a host that tells of more is not believed.
const MOST_AHEAD: u32 = 10_000;

async fn search_from(
    client: &Client,
    access: &Access,
    query: &ListQuery,
    text: &str,
    (mut page, mut done): (u32, usize),
    mut before: usize,
) -> Result<RepositoryPage, ProviderError> {
    let wanted = usize::try_from(per_page(query)).unwrap_or(usize::MAX);
    let text = text.to_lowercase();
    let mut result = RepositoryPage::default();
    let mut matches = 0_usize;
    let from_start = (page, done) == (1, 0);
    for _ in 0..SCAN_PAGES {
        let (mut found, _, answer) =
            list(client, access, LIVE.sort, LARGEST_PAGE, page, None).await?;
        let has_next = has_next(answer.headers());
        let read = std::mem::take(&mut found.read);
        let partial = result.partial;
        let requests = result.requests + Requests::behind(&answer);
        let page_told = told(client, found, &answer);
        result.undecodable.extend(page_told.undecodable);
        result.rate_limit = page_told.rate_limit;
        result.partial = partial || page_told.partial;
        result.requests = requests;
        for (place, repo) in read.into_iter().enumerate().skip(done) {
            if !repo.full_name.to_lowercase().contains(&text) {
                continue;
            }
            matches += 1;
            if before > 0 {
                before -= 1;
            } else if result.repositories.len() < wanted {
                result.repositories.push(repo.into());
            } else {
                result.next = Some(Position::Search { page, done: place }.cursor());
                return Ok(result);
            }
        }
        if !has_next {
            result.total = from_start.then(|| i64::try_from(matches).unwrap_or(i64::MAX));
            return Ok(result);
        }
        (page, done) = (page.saturating_add(1), 0);
        if result.repositories.len() == wanted {
            break;
        }
    }
    result.next = Some(Position::Search { page, done }.cursor());
    Ok(result)
}

fn told(client: &Client, found: Items<Repo>, answer: &Response<Bytes>) -> RepositoryPage {
    RepositoryPage {
        repositories: found.read.into_iter().map(RemoteRepository::from).collect(),
        undecodable: found.unread,
        partial: is_partial(answer.headers()),
        rate_limit: rate_limit::github(answer.headers(), client.now()),
        ..RepositoryPage::default()
    }
}

fn count<T>(found: &Items<T>) -> i64 {
    i64::try_from(found.count).unwrap_or(i64::MAX)
}

pub(super) fn has_next(headers: &HeaderMap) -> bool {
    link_parameter(headers, "next", "page").is_some()
}

fn last_page(headers: &HeaderMap) -> Option<u32> {
    link_parameter(headers, "last", "page")??.parse().ok()
}

/// Organizations behind single sign-on are left out silently, but for this header.
fn is_partial(headers: &HeaderMap) -> bool {
    let sso = headers
        .get("x-github-sso")
        .and_then(|value| value.to_str().ok());
    sso.is_some_and(|sso| sso.trim_start().starts_with("partial-results"))
}

/// One repository; GitHub redirects an old name to the repository's number, which is followed.
pub(super) async fn one(
    client: &Client,
    access: &Access,
    full_name: &str,
) -> Result<Repo, ProviderError> {
    let path = path::repository(full_name)?;
    object(&client.get(access, &path, &[]).await?)
}
