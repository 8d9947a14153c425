//! What a complete run has not seen.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::ids::{ConnectionId, RepositoryId, SyncRunId};
use crate::domain::sync::SyncRun;
use crate::store::error::StoreError;

/// A run that has seen every page.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Its connection.
    pub connection: ConnectionId,
    /// The run.
    pub run: SyncRunId,
    /// When it began.
    pub began_at: DateTime<Utc>,
}

impl From<&SyncRun> for Walk {
    fn from(run: &SyncRun) -> Self {
        Self {
            connection: run.connection_id,
            run: run.id,
            began_at: run.started_at,
        }
    }
}

/// What a complete run found to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Ours.
    pub id: RepositoryId,
    /// The provider's.
    pub provider_repository_id: String,
    /// Its last name.
    pub full_name: String,
}

/// Marks as removed what a complete run has not seen on any of its pages. What came or changed after it
/// began it cannot speak of: that stays, by the clocks of the processes that wrote it (a time far ahead is
/// no time).
///
/// `NOT IN` over ids that are never null, because it is hashed whatever the planner expects of arrays;
/// an anti-join is a loop over all pairs there, which is half a minute for 10,000 repositories.
///
/// # Errors
/// As every statement.
pub async fn remove_unseen(
    db: impl PgExecutor<'_>,
    run: Walk,
    now: DateTime<Utc>,
) -> Result<Vec<Removed>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE repositories r SET removed_at = $3, last_changed_at = $3 \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL \
            AND (r.last_changed_at <= $4 OR r.last_changed_at > $4 + interval '1 day') \
            AND r.provider_repository_id NOT IN \
            (SELECT unnest(p.repository_ids) FROM sync_pages p WHERE p.run_id = $2) \
         RETURNING r.id, r.provider_repository_id, r.full_name",
        run.connection.0,
        run.run.0,
        now,
        run.began_at,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Removed {
            id: row.id.into(),
            provider_repository_id: row.provider_repository_id,
            full_name: row.full_name,
        })
        .collect())
}

/// What [`remove_unseen`] would remove, at most `limit`: the provider's id and the full name.
///
/// # Errors
/// As every statement.
pub async fn unseen(
    db: impl PgExecutor<'_>,
    run: Walk,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.provider_repository_id, r.full_name FROM repositories r \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL \
            AND (r.last_changed_at <= $4 OR r.last_changed_at > $4 + interval '1 day') \
            AND r.provider_repository_id NOT IN \
            (SELECT unnest(p.repository_ids) FROM sync_pages p WHERE p.run_id = $2) \
         LIMIT $3",
        run.connection.0,
        run.run.0,
        limit,
        run.began_at,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.provider_repository_id, row.full_name))
        .collect())
}
