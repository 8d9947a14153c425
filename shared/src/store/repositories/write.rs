//! Writing repositories, a page at a time.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::domain::ids::{ConnectionId, OrganizationId, OutboxEventId, RepositoryId};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::RemoteRepository;
use crate::store::error::StoreError;

/// Rows per statement.
const ROWS: usize = 500;

/// What a page changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// New ones, and ones that came back.
    pub added: i32,
    /// Changed ones.
    pub updated: i32,
}

/// Writes a page: inserts what is new, updates what differs, leaves the rest untouched; with it the
/// stubs of new profiles, and the events. A push alone, or another size, is no event: a busy account
/// would tell of nothing else.
///
/// Two runs (or a run and a webhook) may write the same rows at once; rows are locked in the order
/// of the provider's ids, so they cannot deadlock.
///
/// A page may be long where the provider has no pages; it is written in statements of [`ROWS`]
/// each, because the planner expects arrays to be short and joins them row by row. Within a
/// transaction, so that it is written whole.
///
/// # Errors
/// As every statement.
pub async fn upsert_page(
    db: &mut PgConnection,
    organization: OrganizationId,
    connection: ConnectionId,
    provider: ProviderKind,
    page: &[RemoteRepository],
    now: DateTime<Utc>,
) -> Result<PageChanges, StoreError> {
    let mut sorted: Vec<&RemoteRepository> = page.iter().collect();
    sorted.sort_unstable_by(|a, b| a.provider_repository_id.cmp(&b.provider_repository_id));
    sorted.dedup_by(|a, b| a.provider_repository_id == b.provider_repository_id);
    let mut changes = PageChanges::default();
    for rows in sorted.chunks(ROWS) {
        let more = upsert_rows(&mut *db, organization, connection, provider, rows, now).await?;
        changes.added += more.added;
        changes.updated += more.updated;
    }
    Ok(changes)
}

/// Rows in the order of the provider's ids, each once.
async fn upsert_rows(
    db: &mut PgConnection,
    organization: OrganizationId,
    connection: ConnectionId,
    provider: ProviderKind,
    sorted: &[&RemoteRepository],
    now: DateTime<Utc>,
) -> Result<PageChanges, StoreError> {
    // A host may send U+0000 in any text; Postgres takes none, and one name must not fail a page.
    let clean = |text: &String| text.replace('\0', "");
    macro_rules! column {
        (|$r:ident| $value:expr) => {
            sorted.iter().map(|$r| $value).collect::<Vec<_>>()
        };
    }
    let ids: Vec<Uuid> = sorted.iter().map(|_| RepositoryId::new(now).0).collect();
    let events: Vec<Uuid> = sorted.iter().map(|_| OutboxEventId::new(now).0).collect();
    let row = sqlx::query!(
        r#"WITH page AS (
            SELECT * FROM unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::bool[], $13::text[], $14::text[], $15::text[],
                $16::bool[], $17::bool[], $18::bool[], $19::int8[], $20::timestamptz[], $21::uuid[])
                AS p(id, provider_repository_id, name, full_name, url, clone_url, ssh_url, private,
                     default_branch, description, language, archived, fork, has_write_access,
                     size_kb, pushed_at, event_id)
        ), before AS (
            SELECT r.provider_repository_id, r.removed_at, r.full_name, r.url, r.clone_url, r.ssh_url,
                r.private, r.default_branch, r.description, r.language, r.archived, r.fork
            FROM page p CROSS JOIN LATERAL (
                -- One by one, by the key: without statistics the planner would read the connection.
                SELECT * FROM repositories r WHERE r.connection_id = $2
                    AND r.provider_repository_id = p.provider_repository_id LIMIT 1) r
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
            RETURNING r.id, r.provider_repository_id, r.full_name, r.url, r.clone_url, r.ssh_url, r.private,
                r.default_branch, r.description, r.language, r.archived, r.fork
        ), changed AS (
            SELECT w.*, p.event_id, b.provider_repository_id IS NULL AS new,
                b.provider_repository_id IS NULL OR b.removed_at IS NOT NULL AS added,
                b.full_name AS full_name_before, array_remove(ARRAY[
                    CASE WHEN w.full_name IS DISTINCT FROM b.full_name THEN 'full_name' END,
                    CASE WHEN (w.url, w.clone_url, w.ssh_url) IS DISTINCT FROM (b.url, b.clone_url, b.ssh_url) THEN 'url' END,
                    CASE WHEN w.private IS DISTINCT FROM b.private THEN 'private' END,
                    CASE WHEN w.default_branch IS DISTINCT FROM b.default_branch THEN 'default_branch' END,
                    CASE WHEN w.description IS DISTINCT FROM b.description THEN 'description' END,
                    CASE WHEN w.language IS DISTINCT FROM b.language THEN 'language' END,
                    CASE WHEN w.archived IS DISTINCT FROM b.archived THEN 'archived' END,
                    CASE WHEN w.fork IS DISTINCT FROM b.fork THEN 'fork' END], NULL) AS fields
            FROM written w JOIN page p USING (provider_repository_id)
                LEFT JOIN before b USING (provider_repository_id)
        ), stubs AS (
            INSERT INTO application_profiles (organization_id, repository_id)
            SELECT $1, c.id FROM changed c WHERE c.new ON CONFLICT DO NOTHING
        ), told AS (
            INSERT INTO outbox_events (organization_id, id, type, data, created_at)
            SELECT $1, c.event_id, CASE WHEN c.added THEN 'repository.added' ELSE 'repository.updated' END,
                jsonb_build_object('repository_id', c.id, 'connection_id', $2::uuid, 'provider', $3::text,
                    'provider_repository_id', c.provider_repository_id, 'full_name', c.full_name,
                    'private', c.private, 'archived', c.archived, 'default_branch', c.default_branch)
                || CASE WHEN c.added THEN '{}'::jsonb ELSE
                    jsonb_build_object('changed', c.fields, 'previous_full_name', c.full_name_before) END,
                $4
            FROM changed c WHERE c.added OR c.fields <> '{}'
        )
        SELECT count(*) FILTER (WHERE c.added)::int4 AS "added!",
               count(*) FILTER (WHERE NOT c.added)::int4 AS "updated!"
        FROM changed c"#,
        organization.0,
        connection.0,
        provider.as_str(),
        now,
        &ids,
        &column!(|r| clean(&r.provider_repository_id)),
        &column!(|r| clean(&r.name)),
        &column!(|r| clean(&r.full_name)),
        &column!(|r| clean(&r.url)),
        &column!(|r| clean(&r.clone_url)),
        &column!(|r| r.ssh_url.as_ref().map(clean)) as &[Option<String>],
        &column!(|r| r.private),
        &column!(|r| r.default_branch.as_ref().map(clean)) as &[Option<String>],
        &column!(|r| r.description.as_ref().map(clean)) as &[Option<String>],
        &column!(|r| r.language.as_ref().map(clean)) as &[Option<String>],
        &column!(|r| r.archived),
        &column!(|r| r.fork),
        &column!(|r| r.has_write_access) as &[Option<bool>],
        &column!(|r| r.size_kb) as &[Option<i64>],
        &column!(|r| r.pushed_at) as &[Option<DateTime<Utc>>],
        &events,
    )
    .fetch_one(db)
    .await?;
    Ok(PageChanges {
        added: row.added,
        updated: row.updated,
    })
}

/// What a complete run found to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Ours.
    pub id: RepositoryId,
    /// The provider's.
    pub provider_repository_id: String,
    /// Its last name.
    pub full_name: String,
}

/// Marks as removed what a complete run has not seen on any of its pages.
///
/// By `NOT IN`, whose list is hashed whatever the planner believes of it: pages come and go, so their
/// statistics are never right, and an anti-join by loops over ten thousand rows takes seconds. (No id
/// is null.)
///
/// `NOT IN` over ids that are never null, because it is hashed whatever the planner expects of arrays;
/// an anti-join is a loop over all pairs there, which is half a minute for 10,000 repositories.
///
/// # Errors
/// As every statement.
pub async fn remove_unseen(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    run: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Removed>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE repositories r SET removed_at = $3, last_changed_at = $3 \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL AND r.provider_repository_id NOT IN \
            (SELECT unnest(p.repository_ids) FROM sync_pages p WHERE p.run_id = $2) \
         RETURNING r.id, r.provider_repository_id, r.full_name",
        connection.0,
        run,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Removed {
            id: row.id.into(),
            provider_repository_id: row.provider_repository_id,
            full_name: row.full_name,
        })
        .collect())
}

/// What a run has not seen on any of its pages, at most `limit`: id and full name.
///
/// # Errors
/// As every statement.
pub async fn unseen(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    run: Uuid,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.provider_repository_id, r.full_name FROM repositories r \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL AND r.provider_repository_id NOT IN \
            (SELECT unnest(p.repository_ids) FROM sync_pages p WHERE p.run_id = $2) \
         LIMIT $3",
        connection.0,
        run,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.provider_repository_id, row.full_name))
        .collect())
}

/// Moves the counters of a connection and of its tenant: the last statement of a transaction,
/// since every connection of the tenant shares the second one.
///
/// # Errors
/// As every statement.
pub async fn move_counters(
    db: &mut sqlx::PgConnection,
    organization: OrganizationId,
    connection: ConnectionId,
    by: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH moved AS (UPDATE connections SET repository_count = repository_count + $2 WHERE id = $1) \
         INSERT INTO organization_counters AS k (organization_id, repositories) \
         VALUES ($3, GREATEST($2::int8, 0)) \
         ON CONFLICT (organization_id) DO UPDATE SET repositories = k.repositories + $2",
        connection.0,
        by,
        organization.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves the tenant's counter alone: where a connection goes with all it had.
///
/// # Errors
/// As every statement.
pub async fn move_total(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    by: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO organization_counters AS k (organization_id, repositories) \
         VALUES ($1, GREATEST($2::int8, 0)) \
         ON CONFLICT (organization_id) DO UPDATE SET repositories = k.repositories + $2",
        organization.0,
        i64::from(by)
    )
    .execute(db)
    .await?;
    Ok(())
}
