//! Whose hooks are to be looked at, of all organizations.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// Marks the registered ones of these connections for a look, each from the moment on since when we
/// have refused what came; which they were.
///
/// # Errors
/// As every statement.
pub async fn mark_refused(
    db: &mut PgConnection,
    refused: &[(ConnectionId, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    // In one order, so that no two wait for each other in a circle.
    let mut refused = refused.to_vec();
    refused.sort_unstable_by_key(|(id, _)| *id);
    let ids: Vec<Uuid> = refused.iter().map(|(id, _)| id.0).collect();
    let since: Vec<DateTime<Utc>> = refused.iter().map(|(_, since)| *since).collect();
    let rows = sqlx::query!(
        r#"WITH refused AS MATERIALIZED (
            SELECT s.id, n.since FROM unnest($1::uuid[], $2::timestamptz[]) AS n(id, since)
            CROSS JOIN LATERAL (SELECT w.id FROM webhook_sources w WHERE w.id = n.id AND w.registered
                LIMIT 1 FOR NO KEY UPDATE) s
        )
        UPDATE webhook_sources s SET look_since = LEAST(s.look_since, r.since),
            look_reason = 'refused',
            look_asked_at = GREATEST($3, s.look_asked_at + interval '1 microsecond')
        FROM refused r WHERE s.id = r.id RETURNING s.organization_id, s.id"#,
        &ids,
        &since,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// Takes the turn of registered sources whose hooks were asked after last at `before` or earlier, at
/// most `limit`, the longest ago first; which they were.
///
/// # Errors
/// As every statement.
pub async fn take_checks(
    db: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH due AS MATERIALIZED (
            SELECT id FROM webhook_sources WHERE registered AND check_asked_at <= $1
            ORDER BY check_asked_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE webhook_sources s SET check_asked_at = $3 FROM due WHERE s.id = due.id
        RETURNING s.organization_id, s.id"#,
        before,
        limit,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// Sources that are marked for a look, behind `after`, at most `limit`, by id.
///
/// # Errors
/// As every statement.
pub async fn standing_looks(
    db: &SystemExecutor,
    after: ConnectionId,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM webhook_sources \
         WHERE look_since IS NOT NULL AND registered AND id > $1 ORDER BY id LIMIT $2",
        after.0,
        limit,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}
