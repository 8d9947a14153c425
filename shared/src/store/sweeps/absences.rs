//! When nobody could take deliveries, and who is marked for it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// Until when somebody could take deliveries, locked until the transaction ends; `None` where nobody
/// ever has.
///
/// # Errors
/// As every statement.
pub async fn presence(db: &mut PgConnection) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar!("SELECT alive_at FROM intake_presence FOR UPDATE")
        .fetch_optional(db)
        .await?;
    Ok(at)
}

/// Notes that somebody can take deliveries now. The moment never moves back.
///
/// # Errors
/// As every statement.
pub async fn note_presence(db: &mut PgConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO intake_presence AS p (alive_at) VALUES ($1) \
         ON CONFLICT (one) DO UPDATE SET alive_at = GREATEST(p.alive_at, $1)",
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes a stretch of time in which nobody could.
///
/// # Errors
/// As every statement.
pub async fn note_absence(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO intake_absences (id, from_at, until_at) VALUES ($1, $2, $3)",
        Uuid::now_v7(),
        from,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A stretch of time in which nobody could take deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Its id.
    pub id: Uuid,
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub until: DateTime<Utc>,
    /// Sources up to this one are marked.
    pub marked: ConnectionId,
}

/// The oldest absence for which not everybody is marked yet.
///
/// # Errors
/// As every statement.
pub async fn open_absence(db: &SystemExecutor) -> Result<Option<Absence>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, from_at, until_at, marked FROM intake_absences ORDER BY id LIMIT 1"
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(row.map(|row| Absence {
        id: row.id,
        from: row.from_at,
        until: row.until_at,
        marked: row.marked.into(),
    }))
}

/// Marks the next `limit` registered sources for a look from an absence's beginning on, by id, and
/// writes down how far it came; which they were. Without any the absence is done with, and gone.
///
/// # Errors
/// As every statement: then none of it was done.
pub async fn mark_absence(
    db: &mut PgConnection,
    absence: &Absence,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH stretch AS MATERIALIZED (
            SELECT id FROM webhook_sources WHERE registered AND id > $1
            ORDER BY id LIMIT $2 FOR NO KEY UPDATE
        ), marked AS (
            UPDATE webhook_sources s SET look_since = LEAST(s.look_since, $3),
                look_reason = 'downtime',
                look_asked_at = GREATEST($4, s.look_asked_at + interval '1 microsecond')
            FROM stretch WHERE s.id = stretch.id RETURNING s.organization_id, s.id
        )
        SELECT organization_id, id FROM marked ORDER BY id"#,
        absence.marked.0,
        limit,
        absence.from,
        now,
    )
    .fetch_all(&mut *db)
    .await?;
    match rows.last() {
        Some(last) => {
            sqlx::query!(
                "UPDATE intake_absences SET marked = $2 WHERE id = $1",
                absence.id,
                last.id
            )
            .execute(db)
            .await?;
        }
        None => {
            sqlx::query!("DELETE FROM intake_absences WHERE id = $1", absence.id)
                .execute(db)
                .await?;
        }
    }
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}
