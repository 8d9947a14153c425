//! Reading what a credential may write to: every page, several at a time, unchanged ones not again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::domain::repository::RemoteRepository;
use crate::providers::{CheckedPage, Cursor, HeldPage, ListQuery, ProviderError};
use crate::session::Session;

const PER_PAGE: u32 = 100;

/// A repository that somebody may pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writable {
    /// The provider's immutable id.
    pub provider_repository_id: Arc<str>,
    /// As the provider writes it.
    pub full_name: Arc<str>,
    /// `None` for an empty repository.
    pub default_branch: Option<Arc<str>>,
    /// Main language where the listing tells it.
    pub language: Option<Arc<str>>,
    /// Not readable by everybody.
    pub is_private: bool,
    /// Where people open it.
    pub html_url: Arc<str>,
    /// `None` where the listing does not tell.
    pub has_write_access: Option<bool>,
    /// Last push or activity.
    pub pushed_at: Option<DateTime<Utc>>,
}

impl From<RemoteRepository> for Writable {
    fn from(found: RemoteRepository) -> Self {
        Self {
            provider_repository_id: found.provider_repository_id.into(),
            full_name: found.full_name.into(),
            default_branch: found.default_branch.map(Into::into),
            language: found.language.map(Into::into),
            is_private: found.private,
            html_url: found.url.into(),
            has_write_access: found.has_write_access,
            pushed_at: found.pushed_at,
        }
    }
}

/// A whole listing, by pages.
#[derive(Default)]
pub(super) struct Listing(Vec<Page>);

struct Page {
    cursor: Option<Cursor>,
    held: Option<HeldPage>,
    rows: Arc<[Writable]>,
}

impl Listing {
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(|page| page.rows.len()).sum()
    }

    /// Each repository once, the most recently pushed first. One that moved between two pages while
    /// they were read is on both.
    pub(super) fn rows(&self) -> Vec<Writable> {
        let mut seen = HashSet::new();
        let rows = self.0.iter().flat_map(|page| page.rows.iter());
        let mut rows: Vec<Writable> = rows
            .filter(|row| seen.insert(Arc::clone(&row.provider_repository_id)))
            .cloned()
            .collect();
        rows.sort_by(|a, b| {
            b.pushed_at
                .cmp(&a.pushed_at)
                .then_with(|| a.full_name.cmp(&b.full_name))
        });
        rows
    }
}

/// Reads every page; those of `before` all at once, and by their ETags.
pub(super) async fn listing(
    session: &Session,
    before: Option<&Listing>,
) -> Result<Listing, ProviderError> {
    let before: HashMap<String, &Page> = before
        .iter()
        .flat_map(|listing| &listing.0)
        .map(|page| (name(page.cursor.as_ref()), page))
        .collect();
    let mut open: VecDeque<Option<Cursor>> = VecDeque::from([None]);
    open.extend(
        before
            .values()
            .filter(|page| page.cursor.is_some())
            .map(|page| page.cursor.clone()),
    );
    let mut known: HashSet<String> = open.iter().map(|cursor| name(cursor.as_ref())).collect();
    let (mut under_way, mut read) = (FuturesUnordered::new(), Vec::new());
    // The first question goes alone: a dead token is presented once.
    let mut most = 1;
    loop {
        while under_way.len() < most {
            let Some(cursor) = open.pop_front() else {
                break;
            };
            let held = before
                .get(&name(cursor.as_ref()))
                .and_then(|page| page.held.clone());
            under_way.push(ask(session, cursor, held));
        }
        let Some(answer) = under_way.next().await else {
            return Ok(Listing(read));
        };
        most = session.provider.pages_at_once().max(1);
        let (
            cursor,
            held,
            CheckedPage {
                page,
                etag,
                not_modified,
            },
        ) = answer?;
        let told = page.next.iter().chain(&page.ahead);
        open.extend(
            told.filter(|next| known.insert(name(Some(next))))
                .cloned()
                .map(Some),
        );
        let same = before.get(&name(cursor.as_ref())).filter(|_| not_modified);
        let repositories = page.repositories.len();
        let rows: Arc<[Writable]> = match same {
            Some(same) => Arc::clone(&same.rows),
            None => page
                .repositories
                .into_iter()
                .filter(|found| found.has_write_access != Some(false))
                .map(Writable::from)
                .collect(),
        };
        // A page that could not be read whole is read again next time.
        let whole = page.undecodable.is_empty() && !page.partial;
        let held = match held.filter(|_| not_modified) {
            Some(held) => Some(held),
            None => etag.filter(|_| whole).map(|etag| HeldPage {
                etag,
                next: page.next.clone(),
                repositories,
            }),
        };
        // A former page behind the end has nothing any more.
        if cursor.is_none() || !rows.is_empty() || page.next.is_some() {
            read.push(Page { cursor, held, rows });
        }
    }
}

async fn ask(
    session: &Session,
    cursor: Option<Cursor>,
    held: Option<HeldPage>,
) -> Result<(Option<Cursor>, Option<HeldPage>, CheckedPage), ProviderError> {
    let query = ListQuery {
        per_page: PER_PAGE,
        page: None,
        search: None,
    };
    let answer = session
        .provider
        .writable(&session.access, &query, cursor.as_ref(), held.as_ref())
        .await?;
    Ok((cursor, held, answer))
}

fn name(cursor: Option<&Cursor>) -> String {
    cursor.map_or_else(String::new, |cursor| cursor.0.to_string())
}
