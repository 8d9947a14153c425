//! Which tokens are due.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// A token whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueToken {
    /// Its tenant.
    pub organization: OrganizationId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether a job for it waits or runs already.
    pub enqueued: bool,
}

/// Tokens that are due at `now`, behind `after`, at most `limit`, longest due first. Each is looked
/// up among the jobs of `kind` by its key, so that a backlog is not enqueued again with each sweep.
///
/// # Errors
/// As every statement.
pub async fn due_tokens(
    db: &SystemExecutor,
    after: (DateTime<Utc>, ConnectionId),
    now: DateTime<Utc>,
    kind: &str,
    limit: i64,
) -> Result<Vec<DueToken>, StoreError> {
    // Planned anew each time: a plan that was made while the queue was empty would read all jobs of a
    // tenant for each of its tokens, for as long as the connection keeps it.
    let mut tx = db
        .pool()
        .begin_with("BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan")
        .await?;
    let rows = sqlx::query!(
        r#"SELECT due.organization_id, due.connection_id, due.next_refresh_at AS "since!",
            standing.id IS NOT NULL AS "enqueued!"
        FROM (SELECT c.organization_id, c.connection_id, c.next_refresh_at FROM credentials c
              WHERE c.next_refresh_at IS NOT NULL AND c.next_refresh_at <= $3
                AND (c.next_refresh_at, c.connection_id) > ($1, $2)
              ORDER BY c.next_refresh_at, c.connection_id LIMIT $5) due
        LEFT JOIN LATERAL (
            SELECT j.id FROM jobs j
            WHERE j.organization_id = due.organization_id AND j.kind = $4
              AND j.dedupe_key = due.connection_id::text AND j.status IN (0, 1)
            LIMIT 1) standing ON true
        ORDER BY due.next_refresh_at, due.connection_id"#,
        after.0,
        after.1.0,
        now,
        kind,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| DueToken {
            organization: row.organization_id.into(),
            connection: row.connection_id.into(),
            since: row.since,
            enqueued: row.enqueued,
        })
        .collect())
}

/// The end of the longest lease on a connection's token that was not given back, over all tenants
/// that use it.
///
/// # Errors
/// As every statement.
pub async fn lent_until(
    db: &SystemExecutor,
    owner: OrganizationId,
    connection: ConnectionId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let until = sqlx::query_scalar!(
        "SELECT max(ends_at) FROM credential_leases \
         WHERE connection_organization_id = $1 AND connection_id = $2 AND returned_at IS NULL \
            AND ends_at > $3",
        owner.0,
        connection.0,
        now
    )
    .fetch_one(db.pool())
    .await?;
    Ok(until)
}
