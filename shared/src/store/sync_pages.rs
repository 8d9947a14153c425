//! `sync_pages` and `page_etags`: what a run plans, what it has seen, and what pages were like last
//! time.
//!
//! A page of a run is planned (a row with its cursor) and then done (its ids are there). A page that
//! is done plans what follows it in the same transaction, so the rows alone say what is missing,
//! whatever was stored in which order and whoever died.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::error::StoreError;
use super::sync_runs::Holder;
use crate::domain::ids::{ConnectionId, OrganizationId, SyncRunId};
use crate::domain::sync::IncompleteReason;

/// Which way of reading a page this is: raise it where an adapter reads more of an answer than it
/// did, or pages get another size, or unchanged pages keep what the old way left out.
const READING: i16 = 2;

/// A page is read anew after this, however often the provider says that it is unchanged: the bound
/// for whatever mistake may hide behind an ETag.
const BODY_LASTS: TimeDelta = TimeDelta::days(7);

/// A longer ETag is not kept; no provider has one.
const LONGEST_ETAG: usize = 512;

/// A page of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPage {
    /// Its number within the run, from 0. Not always its place in the listing.
    pub number: i32,
    /// How the provider is asked for it; JSON's null for the start.
    pub cursor: Value,
    /// Whether it has been stored.
    pub done: bool,
    /// What it was like when its body was last read, where that may be relied on.
    pub held: Option<Held>,
}

/// What a page was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As the provider gave it.
    pub etag: String,
    /// The page behind it.
    pub next: Option<Value>,
    /// Repositories on it.
    pub repositories: i32,
}

/// Which pages of a connection may be asked for by ETag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reliable {
    pub(super) connection: ConnectionId,
    /// Of the credential: moves with every grant or pasted token, and with no renewal. The columns are
    /// called `credential_version` from a time when it was one.
    pub(super) generation: i64,
    pub(super) full: bool,
    pub(super) now: DateTime<Utc>,
}

/// The plan of a run: what stands already; for a new one the start, and the pages of last time.
///
/// An ETag is given only where the page's rows stand as it left them: none gone, none changed since.
pub(super) async fn plan(
    db: &mut sqlx::PgConnection,
    organization: OrganizationId,
    run: SyncRunId,
    by: Reliable,
) -> Result<Vec<PlannedPage>, StoreError> {
    let oldest = by.now - BODY_LASTS;
    sqlx::query!(
        "INSERT INTO sync_pages (organization_id, run_id, page, cursor) \
         SELECT $1::uuid, $2::uuid, (row_number() OVER (ORDER BY p.page, p.cursor) - 1)::int4, p.cursor FROM ( \
            SELECT -1 AS page, 'null' AS cursor \
            UNION ALL \
            SELECT e.page, e.cursor FROM page_etags e \
            WHERE e.connection_id = $3 AND e.cursor <> 'null' AND NOT $4 \
              AND e.credential_version = $5 AND e.reading = $6 AND e.stored_at > $7) p \
         WHERE NOT EXISTS (SELECT FROM sync_pages s WHERE s.run_id = $2)",
        organization.0,
        run.0,
        by.connection.0,
        by.full,
        by.generation,
        READING,
        oldest,
    )
    .execute(&mut *db)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT p.page, p.cursor, p.repository_ids IS NOT NULL AS "done!",
            e.etag AS "etag?", e.next AS "next?", COALESCE(cardinality(e.repository_ids), 0) AS "repositories!"
         FROM sync_pages p LEFT JOIN page_etags e ON e.connection_id = $2 AND e.cursor = p.cursor
           AND p.repository_ids IS NULL AND NOT $3
           AND e.credential_version = $4 AND e.reading = $5 AND e.stored_at > $6
           AND e.cursor NOT IN (
             -- All of the connection's rows once, and not page by page: see `Db::tenant_in_bulk`.
             SELECT u.cursor FROM (
                SELECT cursor, stored_at, unnest(repository_ids) AS id FROM page_etags
                WHERE connection_id = $2) u
             LEFT JOIN repositories r ON r.connection_id = $2 AND r.provider_repository_id = u.id
             WHERE r.last_changed_at IS NULL OR r.removed_at IS NOT NULL OR r.last_changed_at > u.stored_at)
         WHERE p.run_id = $1 ORDER BY p.page"#,
        run.0,
        by.connection.0,
        by.full,
        by.generation,
        READING,
        oldest,
    )
    .fetch_all(&mut *db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let next = row.next.as_deref().map(parsed).transpose()?;
            Ok(PlannedPage {
                number: row.page,
                cursor: parsed(&row.cursor)?,
                done: row.done,
                held: row.etag.map(|etag| Held {
                    etag,
                    next,
                    repositories: row.repositories,
                }),
            })
        })
        .collect()
}

/// The pages of a run as it saw them, to be asked for once more; `None` where one of them has no ETag.
///
/// # Errors
/// As every statement.
pub async fn as_seen(
    db: &mut sqlx::PgConnection,
    connection: ConnectionId,
    run: SyncRunId,
) -> Result<Option<Vec<PlannedPage>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT p.page, p.cursor, e.etag AS "etag?", e.next AS "next?", COALESCE(cardinality(e.repository_ids), 0) AS "repositories!"
         FROM sync_pages p LEFT JOIN page_etags e
            ON e.connection_id = $2 AND e.cursor = p.cursor AND e.repository_ids = p.repository_ids
         WHERE p.run_id = $1 ORDER BY p.page"#,
        run.0,
        connection.0,
    )
    .fetch_all(&mut *db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let next = row.next.as_deref().map(parsed).transpose()?;
            let cursor = parsed(&row.cursor)?;
            Ok(row.etag.map(|etag| PlannedPage {
                number: row.page,
                cursor,
                done: false,
                held: Some(Held {
                    etag,
                    next,
                    repositories: row.repositories,
                }),
            }))
        })
        .collect()
}

/// Cursors are written by us: one that is no JSON means a row that somebody else wrote.
fn parsed(cursor: &str) -> Result<Value, StoreError> {
    serde_json::from_str(cursor)
        .map_err(|error| StoreError::Corrupt(format!("a cursor that is no JSON: {error}")))
}

fn columns(plans: &[(i32, Value)]) -> (Vec<i32>, Vec<String>) {
    plans
        .iter()
        .map(|(number, cursor)| (*number, cursor.to_string()))
        .unzip()
}

/// A run in somebody's hands.
#[derive(Clone, Copy, Debug)]
pub struct InHand {
    /// The tenant.
    pub organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
    /// The run.
    pub run: SyncRunId,
    /// Who goes on with it.
    pub holder: Holder,
    /// The generation of the credential that lists: what one grant is shown is told by its ETags, also
    /// after a renewal; another grant may be shown other repositories.
    pub generation: i64,
}

/// What a page that was read brought.
#[derive(Clone, Debug)]
pub struct PageStored<'a> {
    /// Its number within the run.
    pub number: i32,
    /// Ids seen on it.
    pub repository_ids: &'a [&'a str],
    /// Its ETag, where it may be relied on next time.
    pub etag: Option<&'a str>,
    /// What follows it.
    pub next: Option<&'a Value>,
    /// Pages that are planned with it: number and cursor.
    pub plans: &'a [(i32, Value)],
    /// New ones.
    pub added: i32,
    /// Changed ones.
    pub updated: i32,
    /// Requests that it took.
    pub requests: i32,
    /// Repositories that the provider announces.
    pub expected: Option<i32>,
    /// Why this page makes the listing incomplete, kept for the end of the run.
    pub incomplete: Option<IncompleteReason>,
    /// Items on it that could not be read.
    pub undecodable: i32,
    /// When.
    pub now: DateTime<Utc>,
}

/// Stores the checkpoint of a page that was read. A page counts once and only in its holder's hands:
/// `false` means that another worker goes on with the run, and this one must stop and roll back.
///
/// # Errors
/// As every statement.
pub async fn checkpoint(
    db: &mut sqlx::PgConnection,
    in_hand: &InHand,
    stored: &PageStored<'_>,
) -> Result<bool, StoreError> {
    let etag = stored.etag.filter(|etag| etag.len() <= LONGEST_ETAG);
    let (numbers, cursors) = columns(stored.plans);
    let done = sqlx::query_scalar!(
        r#"WITH moved AS (
            UPDATE sync_runs SET pages = pages + 1, found = found + $5, added = added + $6,
                updated = updated + $7, requests = requests + $8, expected = COALESCE($9, expected),
                incomplete_reason = COALESCE(incomplete_reason, $10), undecodable = undecodable + $11
            WHERE id = $2 AND status = 'running' AND job_id = $3 AND job_fence = $4 RETURNING id
        ), done AS (
            UPDATE sync_pages p SET repository_ids = $13 FROM moved
            WHERE p.run_id = moved.id AND p.page = $12 AND p.repository_ids IS NULL RETURNING p.cursor
        ), held AS (
            INSERT INTO page_etags (organization_id, connection_id, cursor, reading, credential_version,
                page, etag, repository_ids, next, stored_at)
            SELECT $1, $14, done.cursor, $15, $16, $12, $17, $13, $18, $19 FROM done WHERE $17::text IS NOT NULL
            ON CONFLICT (organization_id, connection_id, cursor) DO UPDATE SET
                reading = excluded.reading, credential_version = excluded.credential_version,
                page = excluded.page, etag = excluded.etag, repository_ids = excluded.repository_ids,
                next = excluded.next, stored_at = excluded.stored_at
        ), planned AS (
            INSERT INTO sync_pages (organization_id, run_id, page, cursor)
            SELECT $1, moved.id, n.page, n.cursor
            FROM moved CROSS JOIN unnest($20::int4[], $21::text[]) AS n(page, cursor)
            ON CONFLICT DO NOTHING
        )
        SELECT count(*) AS "done!" FROM done"#,
        in_hand.organization.0,
        in_hand.run.0,
        in_hand.holder.job.0,
        in_hand.holder.fence,
        i32::try_from(stored.repository_ids.len()).unwrap_or(i32::MAX),
        stored.added,
        stored.updated,
        stored.requests,
        stored.expected,
        stored.incomplete.map(IncompleteReason::as_str),
        stored.undecodable,
        stored.number,
        stored.repository_ids as &[&str],
        in_hand.connection.0,
        READING,
        in_hand.generation,
        etag,
        stored.next.map(Value::to_string),
        stored.now,
        &numbers,
        &cursors,
    )
    .fetch_one(&mut *db)
    .await?;
    Ok(done == 1)
}

/// Pages that are as they were.
#[derive(Clone, Debug)]
pub struct PagesUnchanged<'a> {
    /// Their numbers within the run.
    pub numbers: &'a [i32],
    /// Pages that are planned with them: number and cursor.
    pub plans: &'a [(i32, Value)],
    /// Repositories on them.
    pub found: i32,
    /// Requests that they took.
    pub requests: i32,
    /// Why they make the listing incomplete.
    pub incomplete: Option<IncompleteReason>,
}

/// Stores the checkpoint of pages that are as they were: seen on them is what was seen last time.
/// `false` as [`checkpoint`].
///
/// # Errors
/// As every statement.
pub async fn checkpoint_unchanged(
    db: &mut sqlx::PgConnection,
    in_hand: &InHand,
    pages: &PagesUnchanged<'_>,
) -> Result<bool, StoreError> {
    let (numbers, cursors) = columns(pages.plans);
    let count = i32::try_from(pages.numbers.len()).unwrap_or(i32::MAX);
    let done = sqlx::query_scalar!(
        r#"WITH moved AS (
            UPDATE sync_runs SET pages = pages + $5, not_modified = not_modified + $5,
                found = found + $6, requests = requests + $7,
                incomplete_reason = COALESCE(incomplete_reason, $8)
            WHERE id = $2 AND status = 'running' AND job_id = $3 AND job_fence = $4 RETURNING id
        ), done AS (
            UPDATE sync_pages p SET repository_ids = (SELECT e.repository_ids FROM page_etags e
                WHERE e.connection_id = $10 AND e.cursor = p.cursor)
            FROM moved WHERE p.run_id = moved.id AND p.page = ANY($9) AND p.repository_ids IS NULL
            RETURNING p.repository_ids
        ), planned AS (
            INSERT INTO sync_pages (organization_id, run_id, page, cursor)
            SELECT $1, moved.id, n.page, n.cursor
            FROM moved CROSS JOIN unnest($11::int4[], $12::text[]) AS n(page, cursor)
            ON CONFLICT DO NOTHING
        )
        SELECT count(repository_ids) AS "done!" FROM done"#,
        in_hand.organization.0,
        in_hand.run.0,
        in_hand.holder.job.0,
        in_hand.holder.fence,
        count,
        pages.found,
        pages.requests,
        pages.incomplete.map(IncompleteReason::as_str),
        pages.numbers,
        in_hand.connection.0,
        &numbers,
        &cursors,
    )
    .fetch_one(&mut *db)
    .await?;
    Ok(done == i64::from(count))
}

/// Forgets what a complete run did not come by any more, and pages with nothing on them that no other
/// leads to: an account that shrank would else be asked for its former pages for ever.
///
/// # Errors
/// As every statement.
pub async fn forget_passed(
    db: &mut sqlx::PgConnection,
    connection: ConnectionId,
    run: SyncRunId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM page_etags e WHERE e.connection_id = $1 AND (e.repository_ids = '{}' AND NOT EXISTS \
               (SELECT FROM page_etags b WHERE b.connection_id = $1 AND b.next = e.cursor) \
            OR NOT EXISTS (SELECT FROM sync_pages p WHERE p.run_id = $2 AND p.cursor = e.cursor))",
        connection.0,
        run.0,
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}
