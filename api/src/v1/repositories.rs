//! Repositories: all that are stored, and those of one connection.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::HeaderValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::domain::ids::{ConnectionId, RepositoryId};
use shared::domain::page::Start;
use shared::domain::provider::ProviderKind;
use shared::domain::repository::Repository;
use shared::flows::repositories::{self as flow, Filter, Key, ListedRepository, Query, Source};

use crate::error::ApiError;
use crate::extract::{Id, Listing, Permitted};
use crate::page::{Links, ListReply, Plural, with_link};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Repositories";

impl Plural for Repository {
    const PLURAL: &'static str = "repositories";
}

/// What a list of repositories is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepositoryFilters {
    /// Of one connection.
    connection_id: Option<ConnectionId>,
    /// Of one provider.
    provider: Option<ProviderKind>,
    /// Text that the full name contains, whatever its case.
    search: Option<String>,
    /// Main language, whatever its case.
    language: Option<String>,
    /// Only archived ones, or only live ones.
    archived: Option<bool>,
    /// Removed ones instead of those that stand.
    #[serde(default)]
    removed: bool,
}

pub(crate) const LIST: Doc = Doc {
    id: "list_repositories",
    tag: TAG,
    summary: "List repositories",
    description: "Everything that syncs have stored, by full name.",
    problems: &[],
};

pub(crate) async fn list(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    listing: Listing<RepositoryFilters, Key>,
) -> Result<ListReply<Repository>, ApiError> {
    let filters = listing.filters;
    let filter = Filter {
        connection: filters.connection_id,
        provider: filters.provider,
        search: filters.search.filter(|text| !text.is_empty()),
        language: filters.language.filter(|text| !text.is_empty()),
        archived: filters.archived,
        removed: filters.removed,
    };
    let page = flow::list(&state.context, &permit, &filter, &listing.page).await?;
    let key = |row: &Repository| Key {
        full_name: row.full_name.clone(),
        id: row.id,
    };
    Ok(ListReply::new(
        &listing.here,
        &listing.page,
        page,
        key,
        |row| row,
    ))
}

pub(crate) const GET: Doc = Doc {
    id: "get_repository",
    tag: TAG,
    summary: "Get a repository",
    description: "Removed ones stay readable.",
    problems: &[],
};

pub(crate) async fn get(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<RepositoryId>,
) -> Result<Reply<Repository>, ApiError> {
    Ok(Reply(flow::get(&state.context, &permit, id).await?))
}

/// What a connection's listing is narrowed by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionRepositoryFilters {
    /// Text that the name contains.
    search: Option<String>,
    /// Where from; by itself: `stored` once a sync has completed, `live` before.
    source: Option<Source>,
}

/// A page of a connection's repositories. `id` is the provider's.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConnectionRepositories {
    repositories: Vec<ListedRepository>,
    page: u32,
    per_page: u32,
    /// Rows in all; `null` where the provider does not tell.
    total: Option<i64>,
    /// End of the last complete sync.
    synced_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    #[schemars(skip)]
    link: Option<HeaderValue>,
}

impl IntoResponse for ConnectionRepositories {
    fn into_response(mut self) -> Response {
        let link = self.link.take();
        with_link(Reply(self).into_response(), link)
    }
}

impl aide::OperationOutput for ConnectionRepositories {
    type Inner = Self;
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Reply::<Self>::inferred_responses(context, operation)
    }
}

pub(crate) const OF_CONNECTION: Doc = Doc {
    id: "list_connection_repositories",
    tag: TAG,
    summary: "List the repositories of a connection",
    description: "Stored, or as the provider tells now.",
    problems: &[
        (422, "credential_refused"),
        (502, "provider_unreachable"),
        (503, "provider_rate_limited"),
    ],
};

pub(crate) async fn of_connection(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    Id(id): Id<ConnectionId>,
    listing: Listing<ConnectionRepositoryFilters, u64>,
) -> Result<ConnectionRepositories, ApiError> {
    let page = page_of(&listing)?;
    let query = Query {
        page,
        per_page: listing.page.per_page,
        search: listing
            .filters
            .search
            .clone()
            .filter(|text| !text.is_empty()),
        source: listing.filters.source,
    };
    let answer = flow::of_connection(&state.context, &permit, id, &query).await?;
    let found = answer.page;
    let link = neighbours(&listing, page, found.has_next, found.total);
    Ok(ConnectionRepositories {
        repositories: found.items,
        page,
        per_page: query.per_page,
        total: found.total,
        synced_at: answer.synced_at,
        link,
    })
}

/// The page of a list whose source knows pages only: `after` holds an offset then.
pub(super) fn page_of<F, const D: u32>(listing: &Listing<F, u64, D>) -> Result<u32, ApiError> {
    match listing.page.start {
        Start::Offset(offset) => {
            let page = offset / u64::from(listing.page.per_page) + 1;
            Ok(u32::try_from(page).unwrap_or(u32::MAX))
        }
        Start::After(_) | Start::Before(_) => Err(Problem::field(
            "after",
            "invalid_cursor",
            "Take `after` from a Link header of this list.",
        )
        .into()),
    }
}

/// Links of such a list.
pub(super) fn neighbours<F, const D: u32>(
    listing: &Listing<F, u64, D>,
    page: u32,
    has_next: bool,
    total: Option<i64>,
) -> Option<HeaderValue> {
    let per_page = listing.page.per_page;
    let at = |page: u32| Start::<u64>::Offset(u64::from(page - 1) * u64::from(per_page));
    Links {
        here: &listing.here,
        page,
        per_page,
        total,
        next: has_next.then(|| at(page + 1)),
        prev: (page > 1).then(|| at(page - 1)),
    }
    .header()
}
