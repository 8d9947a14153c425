//! Writing repositories, a page or some at a time.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::insert::insert_rows;
use crate::domain::ids::{ConnectionId, OrganizationId, OutboxEventId, RepositoryId};
use crate::domain::provider::ProviderKind;
use crate::domain::repository::RemoteRepository;
use crate::store::error::StoreError;

/// Rows per statement.
const ROWS: usize = 500;

/// Whose repositories are written, and when.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The tenant.
    pub organization: OrganizationId,
    /// The connection that sees them. Its row is locked by the caller.
    pub connection: ConnectionId,
    /// Its provider.
    pub provider: ProviderKind,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What the rows most likely are. It decides which statement is tried first, never the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// Not known yet: inserted, and compared only where they are known after all.
    New,
    /// Known: compared at once.
    Known,
}

/// What a page changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// New ones, and ones that came back.
    pub added: i32,
    /// Changed ones.
    pub updated: i32,
}

/// Writes pages: inserts what is new, updates what differs, leaves the rest untouched; with it the
/// stubs of new profiles, and the events. A push alone, or another size, is no event: a busy account
/// would tell of nothing else. What stands on two pages counts as the later one tells it.
///
/// Two runs (or a run and a webhook) may write the same rows at once; rows are locked in the order
/// of the provider's ids, so they cannot deadlock. (Where likely new ones are known, the two
/// statements lock in that order each; that the caller holds the connection keeps others out.)
///
/// A page may be long where the provider has no pages; it is written in statements of [`ROWS`]
/// each, because the planner expects arrays to be short and joins them row by row. Within a
/// transaction, so that it is written whole.
///
/// # Errors
/// As every statement.
pub async fn upsert_page<'a>(
    db: &mut PgConnection,
    owner: Owner,
    likely: Likely,
    page: impl DoubleEndedIterator<Item = &'a RemoteRepository>,
) -> Result<PageChanges, StoreError> {
    let mut sorted: Vec<Cow<'a, RemoteRepository>> = page.rev().map(clean).collect();
    sorted.sort_by(|a, b| a.provider_repository_id.cmp(&b.provider_repository_id));
    sorted.dedup_by(|a, b| a.provider_repository_id == b.provider_repository_id);
    let mut changes = PageChanges::default();
    let mut rows: Vec<&RemoteRepository> = sorted.iter().map(Cow::as_ref).collect();
    if likely == Likely::New {
        let all = std::mem::take(&mut rows);
        for some in all.chunks(ROWS) {
            let known = insert_rows(&mut *db, owner, some).await?;
            changes.added += i32::try_from(some.len() - known.len()).unwrap_or(i32::MAX);
            rows.extend(known);
        }
    }
    for some in rows.chunks(ROWS) {
        let more = upsert_rows(&mut *db, owner, some).await?;
        changes.added += more.added;
        changes.updated += more.updated;
    }
    Ok(changes)
}

/// A host may send U+0000 in any text; Postgres takes none, and one name must not fail a page.
fn clean(told: &RemoteRepository) -> Cow<'_, RemoteRepository> {
    let RemoteRepository {
        provider_repository_id,
        name,
        full_name,
        url,
        clone_url,
        ssh_url,
        default_branch,
        description,
        language,
        ..
    } = told;
    let texts = [provider_repository_id, name, full_name, url, clone_url];
    let perhaps = [ssh_url, default_branch, description, language];
    let mut all = texts.into_iter().chain(perhaps.into_iter().flatten());
    if !all.any(|text| text.contains('\0')) {
        return Cow::Borrowed(told);
    }
    let without = |text: &String| text.replace('\0', "");
    Cow::Owned(RemoteRepository {
        provider_repository_id: without(provider_repository_id),
        name: without(name),
        full_name: without(full_name),
        url: without(url),
        clone_url: without(clone_url),
        ssh_url: ssh_url.as_ref().map(without),
        default_branch: default_branch.as_ref().map(without),
        description: description.as_ref().map(without),
        language: language.as_ref().map(without),
        ..told.clone()
    })
}

/// Rows in the order of the provider's ids, each once.
async fn upsert_rows(
    db: &mut PgConnection,
    owner: Owner,
    sorted: &[&RemoteRepository],
) -> Result<PageChanges, StoreError> {
    let now = owner.now;
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
                (jsonb_build_object('repository_id', c.id, 'connection_id', $2::uuid, 'provider', $3::text,
                    'provider_repository_id', c.provider_repository_id, 'full_name', c.full_name,
                    'private', c.private, 'archived', c.archived, 'default_branch', c.default_branch)
                || CASE WHEN c.added THEN '{}'::jsonb ELSE
                    jsonb_build_object('changed', c.fields, 'previous_full_name', c.full_name_before) END)::json,
                $4
            FROM changed c WHERE c.added OR c.fields <> '{}'
        )
        SELECT count(*) FILTER (WHERE c.added)::int4 AS "added!",
               count(*) FILTER (WHERE NOT c.added)::int4 AS "updated!"
        FROM changed c"#,
        owner.organization.0,
        owner.connection.0,
        owner.provider.as_str(),
        now,
        &ids,
        &column!(|r| r.provider_repository_id.as_str()) as &[&str],
        &column!(|r| r.name.as_str()) as &[&str],
        &column!(|r| r.full_name.as_str()) as &[&str],
        &column!(|r| r.url.as_str()) as &[&str],
        &column!(|r| r.clone_url.as_str()) as &[&str],
        &column!(|r| r.ssh_url.as_deref()) as &[Option<&str>],
        &column!(|r| r.private),
        &column!(|r| r.default_branch.as_deref()) as &[Option<&str>],
        &column!(|r| r.description.as_deref()) as &[Option<&str>],
        &column!(|r| r.language.as_deref()) as &[Option<&str>],
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
