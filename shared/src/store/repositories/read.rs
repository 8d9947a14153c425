//! Reading repositories: by id, by name, in pages.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::ids::{ConnectionId, RepositoryId};
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::Repository;
use crate::store::error::StoreError;

/// What a list of repositories is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One connection.
    pub connection: Option<ConnectionId>,
    /// One provider.
    pub provider: Option<ProviderKind>,
    /// Text that the full name contains, whatever its case.
    pub search: Option<String>,
    /// Main language, whatever its case.
    pub language: Option<String>,
    /// Only archived or only live ones.
    pub archived: Option<bool>,
    /// Removed ones instead of those that stand.
    pub removed: bool,
}

impl Filter {
    /// Whether counters tell the total: nothing but the tenant, or one connection, narrows it.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        !self.removed
            && self.provider.is_none()
            && self.search.is_none()
            && self.language.is_none()
            && self.archived.is_none()
    }

    fn pattern(&self) -> Option<String> {
        self.search.as_ref().map(|text| {
            let escaped = text
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            format!("%{escaped}%")
        })
    }
}

/// A key of the list: its order is by full name, then id.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// Full name.
    pub full_name: String,
    /// Id.
    pub id: RepositoryId,
}

struct Row {
    id: Uuid,
    provider_repository_id: String,
    connection_id: Uuid,
    provider: ProviderKind,
    name: String,
    full_name: String,
    url: String,
    clone_url: String,
    ssh_url: Option<String>,
    private: bool,
    default_branch: Option<String>,
    description: Option<String>,
    language: Option<String>,
    archived: bool,
    fork: bool,
    has_write_access: Option<bool>,
    size_kb: Option<i64>,
    pushed_at: Option<DateTime<Utc>>,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    removed_at: Option<DateTime<Utc>>,
}

impl From<Row> for Repository {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            provider_repository_id: row.provider_repository_id,
            connection_id: row.connection_id.into(),
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
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            removed_at: row.removed_at,
        }
    }
}

macro_rules! select {
    // A page: its ids are found in an index alone, then its rows are fetched one by one, by their key: the
    // planner takes every tenant for one of the usual size, and would read a whole connection instead.
    (page $tail:tt, $order:tt $(, $argument:expr)* $(,)?) => {
        select!(ids ["SELECT r.id FROM repositories r ", $tail], $order $(, $argument)*)
    };
    (ids [$($id:tt),+], $order:tt $(, $argument:expr)* $(,)?) => {
        select!(from ["(", $($id),+,
            ") page CROSS JOIN LATERAL (SELECT * FROM repositories r WHERE r.id = page.id LIMIT 1) r \
            CROSS JOIN LATERAL (SELECT * FROM connections c WHERE c.id = r.connection_id LIMIT 1) c ",
            $order] $(, $argument)*)
    };
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        select!(from ["repositories r JOIN connections c ON c.id = r.connection_id ", $tail] $(, $argument)*)
    };
    (from [$($part:tt),+] $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT r.id, r.provider_repository_id, r.connection_id, r.provider AS "provider: _",
                r.name, r.full_name, r.url, r.clone_url, r.ssh_url, r.private, r.default_branch,
                r.description, r.language, r.archived, r.fork, r.has_write_access, r.size_kb,
                r.pushed_at, r.first_seen_at,
                CASE WHEN r.removed_at IS NULL THEN GREATEST(r.last_changed_at, c.last_complete_sync_at)
                     ELSE r.removed_at END AS "last_seen_at!",
                r.removed_at
             FROM "# $(+ $part)+
            $(, $argument)*
        )
    };
}

/// One repository, removed ones too.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: RepositoryId,
) -> Result<Option<Repository>, StoreError> {
    let row = select!("WHERE r.id = $1", id.0).fetch_optional(db).await?;
    Ok(row.map(Into::into))
}

/// A standing repository of a connection by its full name: the one that is written so, else one that is
/// in another case.
///
/// The first is found by its key. The other needs all names of the connection: `lower` is not leakproof,
/// so that an index on it is never looked up before row-level security has had its say.
///
/// # Errors
/// As every statement.
pub async fn by_name(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    full_name: &str,
) -> Result<Option<Repository>, StoreError> {
    let row = select!(ids
        ["SELECT COALESCE( \
            (SELECT s.id FROM repositories s WHERE s.connection_id = $1 AND s.removed_at IS NULL \
             AND s.full_name = $2 LIMIT 1), \
            (SELECT s.id FROM repositories s WHERE s.connection_id = $1 AND s.removed_at IS NULL \
             AND lower(s.full_name) = lower($2) ORDER BY s.full_name, s.id LIMIT 1)) AS id LIMIT 1"],
        "",
        connection.0,
        full_name
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// A page in the order of full names; see [`Page::cut`](crate::domain::page::Page::cut) for how it
/// lies.
///
/// Every column that a filter looks at stands in the index that is in order (as a key or beside it), so
/// what is passed over, by a filter or an offset, costs its entry there and no row of the table.
///
/// Filters are a `CASE` each: of `$n IS NULL OR …` the planner believes that it leaves a row or two,
/// and that the tenant's whole list is soon sorted; of a `CASE` it believes nothing, and follows the
/// index that is in order already.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    request: &PageRequest<Key>,
) -> Result<Vec<Repository>, StoreError> {
    let (name, id) = match &request.start {
        Start::Offset(_) => ("", Uuid::nil()),
        Start::After(key) => (key.full_name.as_str(), key.id.0),
        Start::Before(key) => return list_before(db, filter, key, request.limit()).await,
    };
    let (offset, limit) = (request.offset(), request.limit());
    let rows = match (filter.removed, filter.connection) {
        (false, Some(connection)) => {
            select!(page
                "WHERE r.removed_at IS NULL AND r.connection_id = $9 AND (r.full_name, r.id) > ($1, $2)
                   AND CASE WHEN $3::text IS NULL THEN true ELSE r.provider = $3 END AND CASE WHEN $4::text IS NULL THEN true ELSE r.full_name ILIKE $4 END
                   AND CASE WHEN $5::text IS NULL THEN true ELSE lower(r.language) = lower($5) END AND CASE WHEN $6::bool IS NULL THEN true ELSE r.archived = $6 END
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                "ORDER BY r.full_name, r.id",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit, connection.0
            )
            .fetch_all(db)
            .await?
        }
        (false, None) => {
            select!(page
                "WHERE r.removed_at IS NULL AND (r.full_name, r.id) > ($1, $2)
                   AND CASE WHEN $3::text IS NULL THEN true ELSE r.provider = $3 END AND CASE WHEN $4::text IS NULL THEN true ELSE r.full_name ILIKE $4 END
                   AND CASE WHEN $5::text IS NULL THEN true ELSE lower(r.language) = lower($5) END AND CASE WHEN $6::bool IS NULL THEN true ELSE r.archived = $6 END
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                "ORDER BY r.full_name, r.id",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit
            )
            .fetch_all(db)
            .await?
        }
        (true, connection) => {
            select!(page
                "WHERE r.removed_at IS NOT NULL AND (r.full_name, r.id) > ($1, $2)
                   AND CASE WHEN $3::text IS NULL THEN true ELSE r.provider = $3 END AND CASE WHEN $4::text IS NULL THEN true ELSE r.full_name ILIKE $4 END
                   AND CASE WHEN $5::text IS NULL THEN true ELSE lower(r.language) = lower($5) END AND CASE WHEN $6::bool IS NULL THEN true ELSE r.archived = $6 END
                   AND CASE WHEN $9::uuid IS NULL THEN true ELSE r.connection_id = $9 END
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                "ORDER BY r.full_name, r.id",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit, connection.map(|c| c.0)
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

async fn list_before(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    key: &Key,
    limit: i64,
) -> Result<Vec<Repository>, StoreError> {
    let provider = filter.provider.map(ProviderKind::as_str);
    let connection = filter.connection.map(|c| c.0);
    let rows = if filter.removed {
        select!(page
            "WHERE r.removed_at IS NOT NULL AND (r.full_name, r.id) < ($1, $2)
                   AND CASE WHEN $3::text IS NULL THEN true ELSE r.provider = $3 END AND CASE WHEN $4::text IS NULL THEN true ELSE r.full_name ILIKE $4 END
                   AND CASE WHEN $5::text IS NULL THEN true ELSE lower(r.language) = lower($5) END AND CASE WHEN $6::bool IS NULL THEN true ELSE r.archived = $6 END
                   AND CASE WHEN $8::uuid IS NULL THEN true ELSE r.connection_id = $8 END
                 ORDER BY r.full_name DESC, r.id DESC LIMIT $7",
            "ORDER BY r.full_name DESC, r.id DESC",
            key.full_name, key.id.0, provider, filter.pattern(), filter.language, filter.archived,
            limit, connection
        )
        .fetch_all(db)
        .await?
    } else {
        select!(page
            "WHERE r.removed_at IS NULL AND (r.full_name, r.id) < ($1, $2)
                   AND CASE WHEN $3::text IS NULL THEN true ELSE r.provider = $3 END AND CASE WHEN $4::text IS NULL THEN true ELSE r.full_name ILIKE $4 END
                   AND CASE WHEN $5::text IS NULL THEN true ELSE lower(r.language) = lower($5) END AND CASE WHEN $6::bool IS NULL THEN true ELSE r.archived = $6 END
                   AND CASE WHEN $8::uuid IS NULL THEN true ELSE r.connection_id = $8 END
                 ORDER BY r.full_name DESC, r.id DESC LIMIT $7",
            "ORDER BY r.full_name DESC, r.id DESC",
            key.full_name, key.id.0, provider, filter.pattern(), filter.language, filter.archived,
            limit, connection
        )
        .fetch_all(db)
        .await?
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many match, counted up to 10,001. A search reads the tenant's names (or the connection's), and
/// no other tenant's: an index on parts of names is of no use, since `ILIKE` is not leakproof and is
/// therefore never looked up before row-level security has had its say.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, filter: &Filter) -> Result<i64, StoreError> {
    let provider = filter.provider.map(ProviderKind::as_str);
    let connection = filter.connection.map(|c| c.0);
    let count = if filter.removed {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "n!" FROM (
                SELECT FROM repositories r WHERE r.removed_at IS NOT NULL
                  AND ($1::text IS NULL OR r.provider = $1) AND ($2::text IS NULL OR r.full_name ILIKE $2)
                  AND ($3::text IS NULL OR lower(r.language) = lower($3)) AND ($4::bool IS NULL OR r.archived = $4)
                  AND ($5::uuid IS NULL OR r.connection_id = $5)
                LIMIT 10001) bounded"#,
            provider,
            filter.pattern(),
            filter.language,
            filter.archived,
            connection,
        )
        .fetch_one(db)
        .await?
    } else {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "n!" FROM (
                SELECT FROM repositories r WHERE r.removed_at IS NULL
                  AND ($1::text IS NULL OR r.provider = $1) AND ($2::text IS NULL OR r.full_name ILIKE $2)
                  AND ($3::text IS NULL OR lower(r.language) = lower($3)) AND ($4::bool IS NULL OR r.archived = $4)
                  AND ($5::uuid IS NULL OR r.connection_id = $5)
                LIMIT 10001) bounded"#,
            provider,
            filter.pattern(),
            filter.language,
            filter.archived,
            connection,
        )
        .fetch_one(db)
        .await?
    };
    Ok(count)
}

/// How many stand, by the counter of one connection or of the tenant.
///
/// # Errors
/// As every statement.
pub async fn counted(
    db: impl PgExecutor<'_>,
    connection: Option<ConnectionId>,
) -> Result<i64, StoreError> {
    let count = match connection {
        Some(connection) => {
            sqlx::query_scalar!(
                r#"SELECT repository_count::int8 AS "n!" FROM connections WHERE id = $1"#,
                connection.0
            )
            .fetch_optional(db)
            .await?
        }
        None => {
            sqlx::query_scalar!("SELECT repositories FROM organization_counters")
                .fetch_optional(db)
                .await?
        }
    };
    Ok(count.unwrap_or(0))
}
