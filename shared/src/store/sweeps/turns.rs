//! Whose turn it is to be synced, or validated, by the clock.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::domain::ids::{ConnectionId, OrganizationId, OutboxEventId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// What a turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// A sync.
    Sync,
    /// A validation.
    Validation,
}

impl TurnKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Validation => "validation",
        }
    }
}

/// A connection whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
    /// Its instance.
    pub base_url: String,
}

/// Turns that are taken once this is committed, in one transaction with what is enqueued for them.
#[derive(Debug)]
pub struct Turns {
    tx: Transaction<'static, Postgres>,
    /// Of connections that work and are in use.
    pub due: Vec<Turn>,
    /// How many were looked at, with those that are switched off or broken.
    pub looked_at: usize,
}

impl Turns {
    /// Where to enqueue.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Makes the turns and the jobs lasting.
    ///
    /// # Errors
    /// Where the database does not answer: then whether it was committed is not known.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

/// Takes the turns of a kind that have come at `now`, the longest waiting first, at most `limit`. A turn keeps
/// its place in the interval however late it is taken, so that connections stay spread over it.
///
/// # Errors
/// As every statement.
pub async fn take_turns(
    db: &SystemExecutor,
    kind: TurnKind,
    interval: TimeDelta,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Turns, StoreError> {
    let mut tx = db.pool().begin().await?;
    // By keys, one by one: the planner knows how many turns there are, and not how few are due.
    let seconds = (interval.num_milliseconds() as f64 / 1e3).max(1.0);
    let rows = sqlx::query!(
        r#"WITH due AS MATERIALIZED (
            SELECT connection_id FROM turns
            WHERE kind = $5 AND last_at <= $1 ORDER BY last_at, connection_id LIMIT $4 FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE turns t SET last_at = t.last_at
                + floor(extract(epoch FROM $2 - t.last_at)::float8 / $3) * $3 * interval '1 second'
            WHERE t.kind = $5 AND t.connection_id = ANY (ARRAY(SELECT connection_id FROM due))
            RETURNING t.connection_id, t.organization_id
        )
        SELECT t.organization_id, t.connection_id, c.base_url, (c.is_active AND c.status = 'active') AS "wanted!"
        FROM taken t CROSS JOIN LATERAL
            (SELECT base_url, is_active, status FROM connections WHERE id = t.connection_id LIMIT 1) c"#,
        now - interval,
        now,
        seconds,
        limit,
        kind.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let looked_at = rows.len();
    let due = rows
        .into_iter()
        .filter(|row| row.wanted)
        .map(|row| Turn {
            organization: row.organization_id.into(),
            connection: row.connection_id.into(),
            base_url: row.base_url,
        })
        .collect();
    Ok(Turns { tx, due, looked_at })
}

/// Forgets events that were made before `before`, told or not, at most `limit`; how many.
///
/// # Errors
/// As every statement.
pub async fn forget_outbox_events(
    db: &SystemExecutor,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM outbox_events WHERE id = ANY (ARRAY( \
            SELECT id FROM outbox_events WHERE id < $1 ORDER BY id LIMIT $2))",
        OutboxEventId::floor(before).0,
        limit
    )
    .execute(db.pool())
    .await?;
    Ok(done.rows_affected())
}
