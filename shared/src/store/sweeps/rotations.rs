//! Whose token is to make its successor.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// A token that rotates itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRotation {
    /// Its tenant.
    pub organization: OrganizationId,
    /// Its connection.
    pub connection: ConnectionId,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Whether its time has come.
    pub due: bool,
}

/// Tokens that rotate themselves and end within a third of a year from `now`, behind `after`, at most
/// `limit`, the nearest end first, and whether the time of each has come
/// (`session::rotate::due` says when).
///
/// # Errors
/// As every statement.
pub async fn due_rotations(
    db: &SystemExecutor,
    after: (DateTime<Utc>, ConnectionId),
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueRotation>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT k.organization_id, k.id, k.rotating_end AS "expires_at!",
            (NOT c.renewable AND c.unrotatable_version IS DISTINCT FROM c.version
                AND (c.rotate_after IS NULL OR c.rotate_after <= $3)
                AND k.rotating_end - GREATEST((k.rotating_end - c.obtained_at) / 3,
                    LEAST(interval '168 hours', (k.rotating_end - c.obtained_at) / 2)) <= $3
            ) IS TRUE AS "due!"
         FROM (SELECT organization_id, id, rotating_end FROM connections
               WHERE rotating_end IS NOT NULL AND rotating_end > $3
                 AND rotating_end <= $3::timestamptz + interval '3000 hours'
                 AND (rotating_end, id) > ($1, $2)
               ORDER BY rotating_end, id LIMIT $4) k
         LEFT JOIN credentials c ON c.connection_id = k.id
         ORDER BY k.rotating_end, k.id"#,
        after.0,
        after.1.0,
        now,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueRotation {
            organization: row.organization_id.into(),
            connection: row.id.into(),
            expires_at: row.expires_at,
            due: row.due,
        })
        .collect())
}
