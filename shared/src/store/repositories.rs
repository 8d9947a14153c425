//! `repositories`: what syncs have found. Written a page at a time (`unnest`), listed by name.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, OrganizationId, RepositoryId};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::{RemoteRepository, Repository};

/// What a page changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// New ones, and ones that came back.
    pub added: i32,
    /// Changed ones.
    pub updated: i32,
}

/// Writes a page: inserts what is new, updates what differs, leaves the rest untouched.
///
/// Two runs (or a run and a webhook) may write the same rows at once; rows are locked in the order
/// of the provider's ids, so they cannot deadlock.
///
/// # Errors
/// As every statement.
pub async fn upsert_page(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connection: ConnectionId,
    provider: ProviderKind,
    page: &[RemoteRepository],
    now: DateTime<Utc>,
) -> Result<PageChanges, StoreError> {
    let mut sorted: Vec<&RemoteRepository> = page.iter().collect();
    sorted.sort_unstable_by(|a, b| a.provider_repository_id.cmp(&b.provider_repository_id));
    sorted.dedup_by(|a, b| a.provider_repository_id == b.provider_repository_id);
    macro_rules! column {
        (|$r:ident| $value:expr) => {
            sorted.iter().map(|$r| $value).collect::<Vec<_>>()
        };
    }
    let ids: Vec<Uuid> = sorted.iter().map(|_| RepositoryId::new(now).0).collect();
    let row = sqlx::query!(
        r#"WITH page AS (
            SELECT * FROM unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::bool[], $13::text[], $14::text[], $15::text[],
                $16::bool[], $17::bool[], $18::bool[], $19::int8[], $20::timestamptz[])
                AS p(id, provider_repository_id, name, full_name, url, clone_url, ssh_url, private,
                     default_branch, description, language, archived, fork, has_write_access,
                     size_kb, pushed_at)
        ), before AS (
            SELECT r.provider_repository_id, r.removed_at FROM repositories r
            WHERE r.connection_id = $2 AND r.provider_repository_id = ANY($6)
        ), written AS (
            INSERT INTO repositories AS r (organization_id, connection_id, provider, first_seen_at,
                last_changed_at, id, provider_repository_id, name, full_name, url, clone_url,
                ssh_url, private, default_branch, description, language, archived, fork,
                has_write_access, size_kb, pushed_at)
            SELECT $1, $2, $3, $4, $4, p.id, p.provider_repository_id, p.name, p.full_name, p.url,
                p.clone_url, p.ssh_url, p.private, p.default_branch, p.description, p.language,
                p.archived, p.fork, p.has_write_access, p.size_kb, p.pushed_at FROM page p
            ON CONFLICT (organization_id, connection_id, provider_repository_id) DO UPDATE SET
                name = excluded.name, full_name = excluded.full_name, url = excluded.url,
                clone_url = excluded.clone_url, ssh_url = excluded.ssh_url,
                private = excluded.private, default_branch = excluded.default_branch,
                description = excluded.description,
                language = COALESCE(excluded.language, r.language),
                archived = excluded.archived, fork = excluded.fork,
                has_write_access = COALESCE(excluded.has_write_access, r.has_write_access),
                size_kb = COALESCE(excluded.size_kb, r.size_kb),
                pushed_at = COALESCE(excluded.pushed_at, r.pushed_at),
                last_changed_at = $4, removed_at = NULL
            WHERE (r.name, r.full_name, r.url, r.clone_url, r.ssh_url, r.private, r.default_branch,
                   r.description, r.archived, r.fork) IS DISTINCT FROM
                  (excluded.name, excluded.full_name, excluded.url, excluded.clone_url,
                   excluded.ssh_url, excluded.private, excluded.default_branch,
                   excluded.description, excluded.archived, excluded.fork)
               OR r.removed_at IS NOT NULL
               OR r.language IS DISTINCT FROM COALESCE(excluded.language, r.language)
               OR r.has_write_access IS DISTINCT FROM COALESCE(excluded.has_write_access, r.has_write_access)
               OR r.size_kb IS DISTINCT FROM COALESCE(excluded.size_kb, r.size_kb)
               OR r.pushed_at IS DISTINCT FROM COALESCE(excluded.pushed_at, r.pushed_at)
            RETURNING provider_repository_id
        )
        SELECT count(*) FILTER (WHERE b.provider_repository_id IS NULL OR b.removed_at IS NOT NULL)::int4 AS "added!",
               count(*) FILTER (WHERE b.provider_repository_id IS NOT NULL AND b.removed_at IS NULL)::int4 AS "updated!"
        FROM written w LEFT JOIN before b USING (provider_repository_id)"#,
        organization.0,
        connection.0,
        provider.as_str(),
        now,
        &ids,
        &column!(|r| r.provider_repository_id.clone()),
        &column!(|r| r.name.clone()),
        &column!(|r| r.full_name.clone()),
        &column!(|r| r.url.clone()),
        &column!(|r| r.clone_url.clone()),
        &column!(|r| r.ssh_url.clone()) as &[Option<String>],
        &column!(|r| r.private),
        &column!(|r| r.default_branch.clone()) as &[Option<String>],
        &column!(|r| r.description.clone()) as &[Option<String>],
        &column!(|r| r.language.clone()) as &[Option<String>],
        &column!(|r| r.archived),
        &column!(|r| r.fork),
        &column!(|r| r.has_write_access) as &[Option<bool>],
        &column!(|r| r.size_kb) as &[Option<i64>],
        &column!(|r| r.pushed_at) as &[Option<DateTime<Utc>>],
    )
    .fetch_one(db)
    .await?;
    Ok(PageChanges {
        added: row.added,
        updated: row.updated,
    })
}

/// Marks as removed what a complete run has not seen on any of its pages; how many.
///
/// # Errors
/// As every statement.
pub async fn remove_unseen(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    run: Uuid,
    now: DateTime<Utc>,
) -> Result<i32, StoreError> {
    let removed = sqlx::query!(
        "UPDATE repositories r SET removed_at = $3, last_changed_at = $3 \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL AND r.provider_repository_id NOT IN \
            (SELECT unnest(p.repository_ids) FROM sync_pages p WHERE p.run_id = $2)",
        connection.0,
        run,
        now,
    )
    .execute(db)
    .await?;
    Ok(i32::try_from(removed.rows_affected()).unwrap_or(i32::MAX))
}

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
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT r.id, r.provider_repository_id, r.connection_id, r.provider AS "provider: _",
                r.name, r.full_name, r.url, r.clone_url, r.ssh_url, r.private, r.default_branch,
                r.description, r.language, r.archived, r.fork, r.has_write_access, r.size_kb,
                r.pushed_at, r.first_seen_at,
                CASE WHEN r.removed_at IS NULL THEN GREATEST(r.last_changed_at, c.last_synced_at)
                     ELSE r.removed_at END AS "last_seen_at!",
                r.removed_at
             FROM repositories r JOIN connections c ON c.id = r.connection_id "#
                + $tail
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

/// A standing repository of a connection by its full name, whatever its case.
///
/// # Errors
/// As every statement.
pub async fn by_name(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    full_name: &str,
) -> Result<Option<Repository>, StoreError> {
    let row = select!(
        "WHERE r.connection_id = $1 AND r.removed_at IS NULL AND lower(r.full_name) = lower($2) LIMIT 1",
        connection.0,
        full_name
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// A page in the order of full names: after `after`, skipping `offset`, at most `limit` rows.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<&Key>,
    offset: i64,
    limit: i64,
) -> Result<Vec<Repository>, StoreError> {
    let (name, id) = after.map_or((String::new(), Uuid::nil()), |k| {
        (k.full_name.clone(), k.id.0)
    });
    let rows = match (filter.removed, filter.connection) {
        (false, Some(connection)) => {
            select!(
                "WHERE r.removed_at IS NULL AND r.connection_id = $9 AND (r.full_name, r.id) > ($1, $2)
                   AND ($3::text IS NULL OR r.provider = $3) AND ($4::text IS NULL OR r.full_name ILIKE $4)
                   AND ($5::text IS NULL OR lower(r.language) = lower($5)) AND ($6::bool IS NULL OR r.archived = $6)
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit, connection.0
            )
            .fetch_all(db)
            .await?
        }
        (false, None) => {
            select!(
                "WHERE r.removed_at IS NULL AND (r.full_name, r.id) > ($1, $2)
                   AND ($3::text IS NULL OR r.provider = $3) AND ($4::text IS NULL OR r.full_name ILIKE $4)
                   AND ($5::text IS NULL OR lower(r.language) = lower($5)) AND ($6::bool IS NULL OR r.archived = $6)
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit
            )
            .fetch_all(db)
            .await?
        }
        (true, connection) => {
            select!(
                "WHERE r.removed_at IS NOT NULL AND (r.full_name, r.id) > ($1, $2)
                   AND ($3::text IS NULL OR r.provider = $3) AND ($4::text IS NULL OR r.full_name ILIKE $4)
                   AND ($5::text IS NULL OR lower(r.language) = lower($5)) AND ($6::bool IS NULL OR r.archived = $6)
                   AND ($9::uuid IS NULL OR r.connection_id = $9)
                 ORDER BY r.full_name, r.id OFFSET $7 LIMIT $8",
                name, id, filter.provider.map(ProviderKind::as_str), filter.pattern(),
                filter.language, filter.archived, offset, limit, connection.map(|c| c.0)
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many match, counted up to 10,001.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, filter: &Filter) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (
            SELECT FROM repositories r
            WHERE ((r.removed_at IS NOT NULL) = $1)
              AND ($2::text IS NULL OR r.provider = $2) AND ($3::text IS NULL OR r.full_name ILIKE $3)
              AND ($4::text IS NULL OR lower(r.language) = lower($4)) AND ($5::bool IS NULL OR r.archived = $5)
              AND ($6::uuid IS NULL OR r.connection_id = $6)
            LIMIT 10001) bounded"#,
        filter.removed,
        filter.provider.map(ProviderKind::as_str),
        filter.pattern(),
        filter.language,
        filter.archived,
        filter.connection.map(|c| c.0),
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// How many stand, by the counters of one connection or of all of the tenant's.
///
/// # Errors
/// As every statement.
pub async fn counted(
    db: impl PgExecutor<'_>,
    connection: Option<ConnectionId>,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT COALESCE(sum(repository_count), 0)::int8 AS "n!" FROM connections
         WHERE ($1::uuid IS NULL OR id = $1)"#,
        connection.map(|c| c.0)
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Sets a connection's counter from a page's changes.
///
/// # Errors
/// As every statement.
pub async fn move_counter(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    by: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET repository_count = repository_count + $2 WHERE id = $1",
        connection.0,
        by
    )
    .execute(db)
    .await?;
    Ok(())
}
