//! `webhook_secrets` and `webhook_sources`: what deliveries are verified with, and what they come
//! from; secrets sealed.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, OrganizationId, WebhookSecretId, WebhookSourceId};

/// A secret as stored.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// Its id.
    pub id: WebhookSecretId,
    /// Sealed.
    pub secret: Vec<u8>,
    /// Until when it verifies; `None` is the current one.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The secrets of a connection that verify at `now`, newest first, at most eight: somebody who
/// rotates in a loop does not make verification dear.
///
/// # Errors
/// As every statement.
pub async fn of_connection(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    now: DateTime<Utc>,
) -> Result<Vec<StoredSecret>, StoreError> {
    let rows = sqlx::query_as!(
        StoredSecret,
        r#"SELECT id AS "id: _", secret, ends_at FROM webhook_secrets
        WHERE connection_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY id DESC LIMIT 8"#,
        connection.0,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Makes a secret the current one of its connection; the one before it ends at `overlap_end`. Ended
/// ones are forgotten. The caller has locked the connection.
///
/// # Errors
/// As every statement.
pub async fn replace(
    db: &mut sqlx::PgConnection,
    organization: OrganizationId,
    connection: ConnectionId,
    (id, sealed): (WebhookSecretId, &[u8]),
    overlap_end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM webhook_secrets WHERE connection_id = $1 AND ends_at <= $2",
        connection.0,
        now
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE webhook_secrets SET ends_at = $2 WHERE connection_id = $1 AND ends_at IS NULL",
        connection.0,
        overlap_end
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "INSERT INTO webhook_secrets (organization_id, id, connection_id, secret, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
        organization.0,
        id.0,
        connection.0,
        sealed,
        now,
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}

/// Deletes every secret of a connection; whether there were any.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, connection: ConnectionId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM webhook_secrets WHERE connection_id = $1",
        connection.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What is noted of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceNotes {
    /// Deliveries are known to be signed (Standard Webhooks).
    pub signs: bool,
    /// The hook is kept installed at the provider.
    pub registered: bool,
    /// Where it delivers.
    pub url: Option<String>,
}

/// What is noted of a source; nothing where it has no row.
///
/// # Errors
/// As every statement.
pub async fn notes(
    db: impl PgExecutor<'_>,
    source: WebhookSourceId,
) -> Result<SourceNotes, StoreError> {
    let row = sqlx::query_as!(
        SourceNotes,
        "SELECT signs, registered, url FROM webhook_sources WHERE id = $1",
        source.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.unwrap_or_default())
}

/// Makes the row of a connection's source, or changes where its hook delivers and whether it is
/// registered.
///
/// # Errors
/// As every statement.
pub async fn put_source(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connection: ConnectionId,
    (url, registered): (&str, Option<bool>),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO webhook_sources AS s (organization_id, id, connection_id, registered, created_at, url, \
            check_asked_at) \
         VALUES ($1, $2, $2, COALESCE($3::bool, false), $4, $5, $4) \
         ON CONFLICT (id) DO UPDATE SET connection_id = $2, url = $5, check_asked_at = $4, \
            registered = COALESCE($3::bool, s.registered)",
        organization.0,
        connection.0,
        registered,
        now,
        url,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a connection's source with what was noted of it.
///
/// # Errors
/// As every statement.
pub async fn delete_source(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM webhook_sources WHERE id = $1", connection.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that a source signs its deliveries; whether that is news.
///
/// # Errors
/// As every statement.
pub async fn note_signs(
    db: impl PgExecutor<'_>,
    source: WebhookSourceId,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_sources SET signs = true WHERE id = $1 AND NOT signs",
        source.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
