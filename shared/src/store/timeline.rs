//! A connection's timeline: one order over the tables that tell of it.
//!
//! Every id is a UUIDv7, so the order of ids is the order of time over all of them, and a page is a
//! merge of one short stretch per table: each arm reads its own index from the key on and no more
//! than the page needs. The arms are read as one tenant, so of a connection that the platform lends
//! an organization sees what it has done with it itself, and nothing of anybody else.
//!
//! What two tables tell is told once: renewals by their attempts, lent credentials by their leases,
//! and not again by the activity log.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ActivityId, ConnectionId};
use crate::domain::page::{PageRequest, Start};

/// One row of the merge.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Its id in its own table.
    pub id: Uuid,
    /// When it happened or began.
    pub at: DateTime<Utc>,
    /// The table, in a word: `activity`, `refresh`, `rotation`, `sync`, `lease`, `delivery`.
    pub source: String,
    /// What happened, in that table's words: an event, a reason, a trigger, a purpose.
    pub word: String,
    /// How it ended, in that table's words, where it has an end.
    pub outcome: Option<String>,
    /// Who did it, where somebody did.
    pub actor: Option<String>,
    /// More of it, as an object.
    pub details: Value,
}

macro_rules! merged {
    ($beyond:tt, $order:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Happening,
            r#"SELECT id AS "id!", at AS "at!", source AS "source!", word AS "word!", outcome,
                actor, details AS "details!"
            FROM (
                (SELECT id, created_at AS at, 'activity' AS source, event AS word,
                    NULL::text AS outcome, actor_name AS actor, metadata AS details
                 FROM activity
                 WHERE subject_id = $1 AND event NOT IN ('git_connection_refreshed',
                    'git_connection_used', 'git_credential_returned', 'git_connection_rotated') AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
                UNION ALL
                (SELECT id, started_at, 'refresh', reason, outcome, NULL,
                    jsonb_build_object('presentation', presentation, 'code', code,
                        'ended_at', ended_at)
                 FROM token_refreshes
                 WHERE connection_id = $1 AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
                UNION ALL
                (SELECT id, started_at, 'sync', trigger, status, NULL,
                    jsonb_build_object('job_id', job_id, 'found', found, 'added', added,
                        'updated', updated, 'removed', removed, 'complete', complete,
                        'incomplete_reason', incomplete_reason, 'requests', requests,
                        'error_code', error_code, 'ended_at', finished_at)
                 FROM sync_runs
                 WHERE connection_id = $1 AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
                UNION ALL
                (SELECT id, started_at, 'rotation', outcome, outcome, NULL,
                    jsonb_build_object('ended_at', ended_at)
                 FROM token_rotations
                 WHERE connection_id = $1 AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
                UNION ALL
                (SELECT id, created_at, 'lease', purpose,
                    CASE WHEN returned_at IS NOT NULL THEN 'returned'
                         WHEN ends_at <= $5 THEN 'ended' ELSE 'open' END,
                    created_by_name,
                    jsonb_build_object('purpose', purpose, 'repository', repository,
                        'environment_id', environment_id, 'expires_at', ends_at,
                        'returned_at', returned_at)
                 FROM credential_leases
                 WHERE connection_id = $1 AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
                UNION ALL
                (SELECT id, received_at, 'delivery', event,
                    CASE status WHEN 0 THEN 'accepted' WHEN 1 THEN 'handled' WHEN 2 THEN 'ignored'
                        ELSE 'failed' END, NULL,
                    jsonb_build_object('action', action, 'reason', reason, 'duplicates', duplicates,
                        'recovered', recovered, 'handled_at', handled_at)
                 FROM webhook_deliveries
                 WHERE connection_id = $1 AND id "#
                + $beyond + " $2 ORDER BY id " + $order + r#" LIMIT $3)
            ) AS told
            ORDER BY id "# + $order + " OFFSET $4 LIMIT $6",
            $($argument),+
        )
    };
}

/// A page, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    request: &PageRequest<ActivityId>,
    now: DateTime<Utc>,
) -> Result<Vec<Happening>, StoreError> {
    let (offset, limit) = (request.offset(), request.limit());
    // Every row of the page may come from the same table.
    let most = offset.saturating_add(limit);
    let rows = match request.start {
        Start::Before(id) => {
            merged!(">", "ASC", connection.0, id.0, most, offset, now, limit)
                .fetch_all(db)
                .await?
        }
        Start::After(ActivityId(below)) => {
            merged!("<", "DESC", connection.0, below, most, offset, now, limit)
                .fetch_all(db)
                .await?
        }
        Start::Offset(_) => {
            let below = Uuid::max();
            merged!("<", "DESC", connection.0, below, most, offset, now, limit)
                .fetch_all(db)
                .await?
        }
    };
    Ok(rows)
}

/// How much has happened, counted up to 10,001.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>, connection: ConnectionId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (
            SELECT FROM activity WHERE subject_id = $1 AND event NOT IN ('git_connection_refreshed',
                'git_connection_used', 'git_credential_returned', 'git_connection_rotated')
            UNION ALL SELECT FROM token_rotations WHERE connection_id = $1
            UNION ALL SELECT FROM token_refreshes WHERE connection_id = $1
            UNION ALL SELECT FROM sync_runs WHERE connection_id = $1
            UNION ALL SELECT FROM credential_leases WHERE connection_id = $1
            UNION ALL SELECT FROM webhook_deliveries WHERE connection_id = $1
            LIMIT 10001) AS told"#,
        connection.0
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}
