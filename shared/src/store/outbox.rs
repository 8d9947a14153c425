//! `outbox_events`: what happened and is to be told outside, written in the transaction of the
//! change. The events of a page of repositories are written by
//! [`upsert_page`](super::repositories::upsert_page) itself.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{OrganizationId, OutboxEventId};
use crate::domain::outbox::EventType;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What.
    pub kind: EventType,
    /// More of it: ids and what a reader needs to know which thing it is; never a secret.
    pub data: Value,
}

/// Appends events of a tenant, in their order.
///
/// # Errors
/// As every statement.
pub async fn append(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    events: &[NewEvent],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|_| OutboxEventId::new(now).0).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let data: Vec<Value> = events.iter().map(|event| event.data.clone()).collect();
    sqlx::query!(
        "INSERT INTO outbox_events (organization_id, id, type, data, created_at) \
         SELECT $1, e.id, e.type, e.data, $2 \
         FROM unnest($3::uuid[], $4::text[], $5::json[]) AS e(id, type, data)",
        organization.0,
        now,
        &ids,
        &kinds as &[&str],
        &data,
    )
    .execute(db)
    .await?;
    Ok(())
}
