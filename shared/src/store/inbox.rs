//! `webhook_deliveries`: keeping what came, many at a time, as `mooring_system`.
//!
//! A batch is one statement, so that it is one round trip and one commit: rows and the jobs that
//! handle them, or neither. The job has the delivery's own id, so no join is needed to make it. Rows
//! come in the order of the unique index, so that two batches cannot wait for each other in a circle
//! over the same repeats (over different indexes they might: a deadlock ends one, which is sent again
//! row by row).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::connect::SystemExecutor;
use super::error::StoreError;
use super::jobs_enqueue::NewRow;
use crate::domain::ids::{ConnectionId, OrganizationId, WebhookDeliveryId, WebhookSourceId};
use crate::domain::lane::Lane;
use crate::domain::provider::ProviderKind;

/// A delivery to be kept.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// Whose it is; the platform's for the platform's App.
    pub organization: OrganizationId,
    /// What it came from.
    pub source: WebhookSourceId,
    /// The connection whose hook it came from.
    pub connection: Option<ConnectionId>,
    /// The GitHub App that it came from.
    pub app_id: Option<i64>,
    /// The provider.
    pub provider: ProviderKind,
    /// The event, at most 400 bytes.
    pub event: String,
    /// The action within it, at most 400 bytes.
    pub action: Option<String>,
    /// The provider's id of it, 1–400 bytes.
    pub delivery_id: String,
    /// Whether that id is covered by the signature or part of the body.
    pub id_signed: bool,
    /// Whether it was fetched from the provider's list.
    pub recovered: bool,
    /// SHA-256 of the body.
    pub body_sha256: [u8; 32],
    /// What is kept of the headers, as JSON.
    pub headers: String,
    /// The body as it came.
    pub body: bytes::Bytes,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

impl NewDelivery {
    fn key(&self) -> (WebhookSourceId, &str, &[u8; 32]) {
        (self.source, &self.delivery_id, &self.body_sha256)
    }
}

/// Keeps a batch with its jobs, each of the kind and class of `job`, in one statement: which were new.
///
/// # Errors
/// As every statement: then none of them is kept.
pub async fn keep(
    db: &SystemExecutor,
    batch: &[NewDelivery],
    job: &NewRow,
) -> Result<Vec<WebhookDeliveryId>, StoreError> {
    let mut sorted: Vec<&NewDelivery> = batch.iter().collect();
    sorted.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
    macro_rules! column {
        (|$d:ident| $value:expr) => {
            sorted.iter().map(|$d| $value).collect::<Vec<_>>()
        };
    }
    let inserted = sqlx::query_scalar!(
        r#"WITH kept AS (
            INSERT INTO webhook_deliveries (organization_id, id, source_id, connection_id, app_id,
                provider, event, action, delivery_id, id_signed, recovered, body_sha256, headers,
                body, received_at)
            SELECT n.organization_id, n.id, n.source_id, n.connection_id, n.app_id, n.provider,
                n.event, n.action, n.delivery_id, n.id_signed, n.recovered, n.body_sha256,
                n.headers::json, n.body, n.received_at
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int8[], $6::text[],
                $7::text[], $8::text[], $9::text[], $10::bool[], $11::bool[], $12::bytea[],
                $13::text[], $14::bytea[], $15::timestamptz[])
                AS n(organization_id, id, source_id, connection_id, app_id, provider, event, action,
                    delivery_id, id_signed, recovered, body_sha256, headers, body, received_at)
            ON CONFLICT DO NOTHING
            RETURNING organization_id, id, connection_id, received_at
        ), queued AS (
            INSERT INTO jobs (organization_id, id, connection_id, kind, priority, max_attempts,
                connection_limit, long, run_at, created_at, payload)
            SELECT k.organization_id, k.id, k.connection_id, $16, $17, $18, $19, $20, k.received_at,
                k.received_at, json_build_object('delivery_id', k.id) FROM kept k
        )
        SELECT id FROM kept"#,
        &column!(|d| d.organization.0),
        &column!(|d| d.id.0),
        &column!(|d| d.source.0),
        &column!(|d| d.connection.map(|id| id.0)) as &[Option<Uuid>],
        &column!(|d| d.app_id) as &[Option<i64>],
        &column!(|d| d.provider.as_str()) as &[&str],
        &column!(|d| d.event.as_str()) as &[&str],
        &column!(|d| d.action.as_deref()) as &[Option<&str>],
        &column!(|d| d.delivery_id.as_str()) as &[&str],
        &column!(|d| d.id_signed),
        &column!(|d| d.recovered),
        &column!(|d| d.body_sha256.as_slice()) as &[&[u8]],
        &column!(|d| d.headers.as_str()) as &[&str],
        &column!(|d| &*d.body) as &[&[u8]],
        &column!(|d| d.received_at),
        job.kind,
        job.priority.code(),
        job.max_attempts,
        job.connection_limit,
        job.long,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(inserted.into_iter().map(Into::into).collect())
}

/// The lane that the job of a delivery waits in.
#[must_use]
pub fn lane_of(delivery: &NewDelivery, job: &NewRow) -> Lane {
    Lane::new(
        delivery.organization,
        delivery.connection.map(|id| id.0),
        job.priority,
        job.long,
    )
}

/// A delivery that was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Which of the batch.
    pub place: usize,
    /// The one that was there.
    pub id: WebhookDeliveryId,
    /// Its tenant.
    pub organization: OrganizationId,
    /// Whether it came under the same id; else only its bytes are the same.
    pub same_id: bool,
}

/// Finds what deliveries repeat, and counts them there. What came meanwhile and is gone already is
/// not found: it is to be kept after all. One that finds itself (it was kept, and the answer was lost)
/// is not counted.
///
/// # Errors
/// As every statement.
pub async fn count_repeats(
    db: &mut PgConnection,
    repeats: &[&NewDelivery],
) -> Result<Vec<Repeat>, StoreError> {
    macro_rules! column {
        (|$d:ident| $value:expr) => {
            repeats.iter().map(|$d| $value).collect::<Vec<_>>()
        };
    }
    let rows = sqlx::query!(
        r#"WITH found AS MATERIALIZED (
            SELECT r.place, r.id AS new_id, d.organization_id, d.id, d.same_id
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bool[])
                WITH ORDINALITY AS r(id, source_id, delivery_id, body_sha256, id_signed, place)
            CROSS JOIN LATERAL (
                SELECT w.organization_id, w.id, w.delivery_id = r.delivery_id AS same_id
                FROM webhook_deliveries w
                WHERE w.source_id = r.source_id AND w.delivery_id = r.delivery_id
                    AND w.body_sha256 = r.body_sha256
                UNION ALL
                SELECT w.organization_id, w.id, false
                FROM webhook_deliveries w
                WHERE NOT r.id_signed AND NOT w.id_signed AND w.source_id = r.source_id
                    AND w.body_sha256 = r.body_sha256
                LIMIT 1) d
        ), counted AS (
            UPDATE webhook_deliveries w SET duplicates = w.duplicates + c.times
            FROM (SELECT organization_id, id, count(*)::int4 AS times FROM found
                  WHERE id <> new_id GROUP BY organization_id, id) c
            WHERE w.organization_id = c.organization_id AND w.id = c.id
        )
        SELECT place AS "place!", organization_id AS "organization_id!", id AS "id!",
            same_id AS "same_id!" FROM found"#,
        &column!(|d| d.id.0),
        &column!(|d| d.source.0),
        &column!(|d| d.delivery_id.as_str()) as &[&str],
        &column!(|d| d.body_sha256.as_slice()) as &[&[u8]],
        &column!(|d| d.id_signed),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Repeat {
                place: usize::try_from(row.place.checked_sub(1)?).ok()?,
                id: row.id.into(),
                organization: row.organization_id.into(),
                same_id: row.same_id,
            })
        })
        .collect())
}

/// Marks sources for a sync, since bytes of theirs came again under another id; which of them were not
/// marked within the minute before `now`. A source's row is made where there is none yet.
///
/// # Errors
/// As every statement.
pub async fn mark_sync_wanted(
    db: &mut PgConnection,
    sources: &[(OrganizationId, WebhookSourceId)],
    now: DateTime<Utc>,
) -> Result<Vec<WebhookSourceId>, StoreError> {
    let organizations: Vec<Uuid> = sources.iter().map(|(id, _)| id.0).collect();
    let ids: Vec<Uuid> = sources.iter().map(|(_, id)| id.0).collect();
    let marked = sqlx::query_scalar!(
        "INSERT INTO webhook_sources AS s (organization_id, id, sync_wanted_at, created_at) \
         SELECT n.organization_id, n.id, $3, $3 FROM unnest($1::uuid[], $2::uuid[]) \
            AS n(organization_id, id) \
            WHERE EXISTS (SELECT FROM organizations o WHERE o.id = n.organization_id) \
            ORDER BY n.id \
         ON CONFLICT (id) DO UPDATE SET sync_wanted_at = $3 \
            WHERE s.sync_wanted_at IS NULL OR s.sync_wanted_at <= $3 - interval '1 minute' \
         RETURNING s.id",
        &organizations,
        &ids,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(marked.into_iter().map(Into::into).collect())
}

/// Connections by an installation of a GitHub App, of one organization or of all, at most `limit`. Anybody can
/// write numbers down: over all organizations those count that the instance has confirmed, by an account.
///
/// # Errors
/// As every statement.
pub async fn of_installation(
    db: &SystemExecutor,
    base_url: &str,
    (app, installation): (i64, i64),
    organization: Option<OrganizationId>,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM connections WHERE auth_method = 'github_app' \
            AND github_app_id = $1 AND github_app_installation_id = $2 AND base_url = $5 \
            AND (organization_id = $3 OR $3::uuid IS NULL AND account_id IS NOT NULL) \
         ORDER BY organization_id, id LIMIT $4",
        app,
        installation,
        organization.map(|id| id.0),
        limit,
        base_url,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// Connections by a consent that an account at GitHub gave, of one organization or of all, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn of_account(
    db: &SystemExecutor,
    base_url: &str,
    account: &str,
    organization: Option<OrganizationId>,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM connections WHERE auth_method = 'oauth' \
            AND provider = 'github' AND account_id = $1 AND base_url = $4 \
            AND ($2::uuid IS NULL OR organization_id = $2) ORDER BY organization_id, id LIMIT $3",
        account,
        organization.map(|id| id.0),
        limit,
        base_url,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// Which of these ids of deliveries a source has in the inbox.
///
/// # Errors
/// As every statement.
pub async fn known(
    db: &SystemExecutor,
    source: WebhookSourceId,
    delivery_ids: &[&str],
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar!(
        "SELECT DISTINCT delivery_id FROM webhook_deliveries \
         WHERE source_id = $1 AND delivery_id = ANY ($2)",
        source.0,
        delivery_ids as &[&str],
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows)
}

/// Up to when the provider's list of a source's deliveries was looked through.
///
/// # Errors
/// As every statement.
pub async fn checked_until(
    db: &SystemExecutor,
    source: WebhookSourceId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar!(
        "SELECT checked_until FROM webhook_sources WHERE id = $1",
        source.0
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(at.flatten())
}

/// Notes that a source's list was looked through up to `until`, what that recovered, and from when to
/// when nothing was remembered.
///
/// # Errors
/// As every statement.
pub async fn note_look(
    db: &SystemExecutor,
    (organization, source): (OrganizationId, WebhookSourceId),
    until: DateTime<Utc>,
    recovered: i32,
    gap: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    sqlx::query!(
        "INSERT INTO webhook_sources (organization_id, id, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO NOTHING",
        organization.0,
        source.0,
        until,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE webhook_sources SET checked_until = $2, recovered = recovered + $3, \
            gap_from = COALESCE($4, gap_from), gap_until = COALESCE($5, gap_until) WHERE id = $1",
        source.0,
        until,
        recovered,
        gap.map(|(from, _)| from),
        gap.map(|(_, until)| until),
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await.map_err(StoreError::from)
}

/// What looking through the provider's list has shown of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Up to when the list was looked through.
    pub checked_until: Option<DateTime<Utc>>,
    /// Deliveries that had not arrived and were fetched, in all.
    pub recovered: i32,
    /// The beginning of the last stretch of time that no list tells of.
    pub gap_from: Option<DateTime<Utc>>,
    /// Its end.
    pub gap_until: Option<DateTime<Utc>>,
}

/// What looking through the provider's list has shown of a source; nothing where nobody has looked.
///
/// # Errors
/// As every statement.
pub async fn recovery(
    db: &SystemExecutor,
    source: WebhookSourceId,
) -> Result<Recovery, StoreError> {
    let row = sqlx::query_as!(
        Recovery,
        "SELECT checked_until, recovered, gap_from, gap_until FROM webhook_sources WHERE id = $1",
        source.0
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(row.unwrap_or_default())
}
