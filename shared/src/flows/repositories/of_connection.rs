//! The repositories of one connection: stored once a sync has completed, live before.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::list;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::page::{Page, PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::{RemoteRepository, Repository};
use crate::flows::connections::find;
use crate::flows::{Context, Error};
use crate::providers::ListQuery;
use crate::session::{self, explain};
use crate::store::repositories::Filter;

/// Where a listing comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What syncs have stored.
    Stored,
    /// What the provider says now.
    Live,
}

/// What a listing asks for.
#[derive(Clone, Debug)]
pub struct Query {
    /// From 1.
    pub page: u32,
    /// 1–100.
    pub per_page: u32,
    /// Text that the name contains.
    pub search: Option<String>,
    /// Where from; by itself: stored once a sync has completed, live before.
    pub source: Option<Source>,
}

/// A repository in a connection's listing: `id` is the provider's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ListedRepository {
    /// The provider's immutable id.
    pub id: String,
    /// The provider.
    pub provider: ProviderKind,
    /// Last part of the full name.
    pub name: String,
    /// As the provider writes it.
    pub full_name: String,
    /// Where people open it.
    pub url: String,
    /// Clone over HTTPS.
    pub clone_url: String,
    /// Clone over SSH.
    pub ssh_url: Option<String>,
    /// Not readable by everybody.
    pub private: bool,
    /// The same as `private`.
    pub is_private: bool,
    /// `null` for an empty repository.
    pub default_branch: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Main language.
    pub language: Option<String>,
    /// Read-only for everybody.
    pub archived: bool,
    /// Made as a fork.
    pub fork: bool,
    /// Whether the connection's identity may push.
    pub has_write_access: Option<bool>,
    /// Size in KiB.
    pub size_kb: Option<i64>,
    /// Last push.
    pub pushed_at: Option<DateTime<Utc>>,
}

/// A page of a connection's repositories.
#[derive(Clone, Debug)]
pub struct ConnectionPage {
    /// The page.
    pub page: Page<ListedRepository>,
    /// End of the last complete sync.
    pub synced_at: Option<DateTime<Utc>>,
}

/// A page of a connection's repositories.
///
/// # Errors
/// [`Error::NotFound`]; live: what the provider's refusal means for the caller.
pub async fn of_connection(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    query: &Query,
) -> Result<ConnectionPage, Error> {
    let connection = find(context, permit, id).await?;
    let by_itself = if connection.last_synced_at.is_some() {
        Source::Stored
    } else {
        Source::Live
    };
    let synced_at = connection.last_synced_at;
    let page = match query.source.unwrap_or(by_itself) {
        Source::Stored => stored(context, &connection, query).await?,
        Source::Live => live(context, connection, query).await?,
    };
    Ok(ConnectionPage { page, synced_at })
}

async fn stored(
    context: &Context,
    connection: &Connection,
    query: &Query,
) -> Result<Page<ListedRepository>, Error> {
    let filter = Filter {
        connection: Some(connection.id),
        search: query.search.clone(),
        ..Filter::default()
    };
    let request = PageRequest {
        page: query.page,
        per_page: query.per_page,
        start: Start::Offset(u64::from(query.page - 1) * u64::from(query.per_page)),
    };
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let page = list::stored(&mut tx, &filter, &request).await?;
    Ok(page.map(from_stored))
}

/// A live listing is an exception to "flows do not talk to providers": a person waits for it.
async fn live(
    context: &Context,
    connection: Connection,
    query: &Query,
) -> Result<Page<ListedRepository>, Error> {
    let (context, mut session) = context.listings.look_at(context, connection).await?;
    let kind = session.provider.kind();
    let list = ListQuery {
        per_page: query.per_page,
        page: Some(query.page),
        search: query.search.clone(),
    };
    let answer = session::ask!(
        &context,
        session,
        session.provider.repositories(&session.access, &list, None)
    );
    let page = answer.map_err(|error| explain(kind, &error))?;
    Ok(Page {
        total: page.total,
        has_next: page.next.is_some(),
        has_prev: query.page > 1,
        items: page
            .repositories
            .into_iter()
            .map(|remote| from_remote(kind, remote))
            .collect(),
    })
}

fn from_stored(row: Repository) -> ListedRepository {
    ListedRepository {
        id: row.provider_repository_id,
        provider: row.provider,
        name: row.name,
        full_name: row.full_name,
        url: row.url,
        clone_url: row.clone_url,
        ssh_url: row.ssh_url,
        private: row.private,
        is_private: row.private,
        default_branch: row.default_branch,
        description: row.description,
        language: row.language,
        archived: row.archived,
        fork: row.fork,
        has_write_access: row.has_write_access,
        size_kb: row.size_kb,
        pushed_at: row.pushed_at,
    }
}

fn from_remote(provider: ProviderKind, remote: RemoteRepository) -> ListedRepository {
    ListedRepository {
        id: remote.provider_repository_id,
        provider,
        name: remote.name,
        full_name: remote.full_name,
        url: remote.url,
        clone_url: remote.clone_url,
        ssh_url: remote.ssh_url,
        private: remote.private,
        is_private: remote.private,
        default_branch: remote.default_branch,
        description: remote.description,
        language: remote.language,
        archived: remote.archived,
        fork: remote.fork,
        has_write_access: remote.has_write_access,
        size_kb: remote.size_kb,
        pushed_at: remote.pushed_at,
    }
}
