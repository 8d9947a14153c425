//! `webhook_deliveries`, as their tenant sees them: read, handled, asked for again. How they come in
//! is [`super::inbox`]'s.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, WebhookDeliveryId};
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::webhook::{Delivery, DeliveryHeaders, DeliveryStatus, StoredDelivery};

struct Row {
    organization_id: Uuid,
    id: Uuid,
    source_id: Uuid,
    connection_id: Option<Uuid>,
    app_id: Option<i64>,
    received_at: DateTime<Utc>,
    handled_at: Option<DateTime<Utc>>,
    status: i16,
    duplicates: i32,
    recovered: bool,
    provider: ProviderKind,
    event: String,
    action: Option<String>,
    delivery_id: String,
    reason: Option<String>,
    effects: Option<serde_json::Value>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            organization_id: row.organization_id.into(),
            source_id: row.source_id.into(),
            connection_id: row.connection_id.map(Into::into),
            app_id: row.app_id,
            provider: row.provider,
            event: row.event,
            action: row.action,
            delivery_id: row.delivery_id,
            status: DeliveryStatus::of_code(row.status),
            reason: row.reason,
            duplicates: row.duplicates,
            recovered: row.recovered,
            received_at: row.received_at,
            handled_at: row.handled_at,
            effects: row.effects,
        }
    }
}

macro_rules! select {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT organization_id, id, source_id, connection_id, app_id, received_at, handled_at,
                status, duplicates, recovered, provider AS "provider: _", event, action, delivery_id,
                reason, effects FROM webhook_deliveries "# + $tail
            $(, $argument)*
        )
    };
}

/// What a list of deliveries is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of one connection.
    pub connection: Option<ConnectionId>,
    /// Of one event.
    pub event: Option<String>,
    /// Of one status.
    pub status: Option<DeliveryStatus>,
}

impl DeliveryFilter {
    fn parts(&self) -> (Option<Uuid>, Option<&str>, Option<i16>) {
        (
            self.connection.map(|id| id.0),
            self.event.as_deref(),
            self.status.map(DeliveryStatus::code),
        )
    }
}

/// A page of deliveries, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for its
/// order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &DeliveryFilter,
    request: &PageRequest<WebhookDeliveryId>,
) -> Result<Vec<Delivery>, StoreError> {
    let (connection, event, status) = filter.parts();
    let rows = match (&request.start, connection) {
        (Start::Before(id), Some(connection)) => {
            select!(
                "WHERE connection_id = $1 AND id > $2 AND ($3::text IS NULL OR event = $3) \
                AND ($4::int2 IS NULL OR status = $4) ORDER BY id LIMIT $5",
                connection,
                id.0,
                event,
                status,
                request.limit()
            )
            .fetch_all(db)
            .await?
        }
        (Start::Before(id), None) => {
            select!(
                "WHERE id > $1 AND ($2::text IS NULL OR event = $2) \
                AND ($3::int2 IS NULL OR status = $3) ORDER BY id LIMIT $4",
                id.0,
                event,
                status,
                request.limit()
            )
            .fetch_all(db)
            .await?
        }
        (start, Some(connection)) => {
            select!(
                "WHERE connection_id = $1 AND id < $2 AND ($3::text IS NULL OR event = $3) \
                AND ($4::int2 IS NULL OR status = $4) ORDER BY id DESC OFFSET $5 LIMIT $6",
                connection,
                below(start),
                event,
                status,
                request.offset(),
                request.limit()
            )
            .fetch_all(db)
            .await?
        }
        (start, None) => {
            select!(
                "WHERE id < $1 AND ($2::text IS NULL OR event = $2) \
                AND ($3::int2 IS NULL OR status = $3) ORDER BY id DESC OFFSET $4 LIMIT $5",
                below(start),
                event,
                status,
                request.offset(),
                request.limit()
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

fn below(start: &Start<WebhookDeliveryId>) -> Uuid {
    match start {
        Start::After(id) => id.0,
        _ => Uuid::max(),
    }
}

/// How many deliveries there are, counted up to 10,000.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, filter: &DeliveryFilter) -> Result<i64, StoreError> {
    let (connection, event, status) = filter.parts();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM webhook_deliveries
            WHERE ($1::uuid IS NULL OR connection_id = $1) AND ($2::text IS NULL OR event = $2)
                AND ($3::int2 IS NULL OR status = $3) LIMIT 10001) bounded"#,
        connection,
        event,
        status,
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// A delivery without its content.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: WebhookDeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let row = select!("WHERE id = $1", id.0).fetch_optional(db).await?;
    Ok(row.map(Into::into))
}

/// The same, locked until the transaction ends: whoever handles it does so once.
///
/// # Errors
/// As every statement.
pub async fn get_for_update(
    db: impl PgExecutor<'_>,
    id: WebhookDeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let row = select!("WHERE id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// A delivery with its content.
///
/// # Errors
/// As every statement; [`StoreError::Corrupt`] where its headers cannot be read.
pub async fn open(
    db: &mut sqlx::PgConnection,
    id: WebhookDeliveryId,
) -> Result<Option<StoredDelivery>, StoreError> {
    let Some(delivery) = get(&mut *db, id).await? else {
        return Ok(None);
    };
    let content = sqlx::query!(
        "SELECT headers, body FROM webhook_deliveries WHERE id = $1",
        id.0
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(content) = content else {
        return Ok(None);
    };
    let headers: DeliveryHeaders = serde_json::from_value(content.headers)
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Some(StoredDelivery {
        delivery,
        headers,
        body: content.body,
    }))
}

/// How a delivery stands that is about to be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Nobody has handled it.
    pub is_open: bool,
    /// It came and was fetched from the provider's list besides, under one id with other bytes, and the
    /// other one of the two was handled.
    pub twin_handled: bool,
}

/// Locks a delivery until the transaction ends, and its twin with it: whoever handles one of them does
/// so once. They are locked in one order, so that no two wait for each other in a circle. A sender may
/// give thousands of bodies one id: each is a delivery of its own, and its twin is sought among a thousand.
///
/// # Errors
/// As every statement.
pub async fn take_turn(db: impl PgExecutor<'_>, delivery: &Delivery) -> Result<Turn, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, status, recovered FROM webhook_deliveries \
         WHERE id = ANY ($3::uuid || ARRAY(SELECT few.id FROM (SELECT id, recovered FROM webhook_deliveries \
                WHERE source_id = $1 AND delivery_id = $2 LIMIT 1000) few WHERE few.recovered <> $4)) \
         ORDER BY id FOR NO KEY UPDATE",
        delivery.source_id.0,
        delivery.delivery_id,
        delivery.id.0,
        delivery.recovered,
    )
    .fetch_all(db)
    .await?;
    let (accepted, handled) = (DeliveryStatus::Accepted, DeliveryStatus::Handled);
    Ok(Turn {
        is_open: rows
            .iter()
            .any(|row| row.id == delivery.id.0 && row.status == accepted.code()),
        twin_handled: rows
            .iter()
            .any(|row| row.recovered != delivery.recovered && row.status == handled.code()),
    })
}

/// What a delivery came to.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// What has become of it.
    pub status: DeliveryStatus,
    /// Why.
    pub reason: Option<&'a str>,
    /// What it did.
    pub effects: Option<serde_json::Value>,
}

/// Writes down what a delivery came to.
///
/// # Errors
/// As every statement.
pub async fn finish(
    db: impl PgExecutor<'_>,
    id: WebhookDeliveryId,
    outcome: &Outcome<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET status = $2, reason = $3, effects = $4, handled_at = $5 \
         WHERE id = $1",
        id.0,
        outcome.status.code(),
        outcome.reason,
        outcome.effects,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes which connection an App's delivery reached; a change of an index, and so only where it is
/// one.
///
/// # Errors
/// As every statement.
pub async fn note_connection(
    db: impl PgExecutor<'_>,
    id: WebhookDeliveryId,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET connection_id = $2 WHERE id = $1 AND connection_id IS NULL",
        id.0,
        connection.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a delivery one that is to be handled anew; whether it is there.
///
/// # Errors
/// As every statement.
pub async fn reopen(db: impl PgExecutor<'_>, id: WebhookDeliveryId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_deliveries SET status = 0, reason = NULL, effects = NULL, \
            handled_at = NULL WHERE id = $1",
        id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
