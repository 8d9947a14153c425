//! Storing new pairs.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::store::activity::StoredEntry;
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// A new pair, sealed, and the entry that tells of it.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that was presented.
    pub version: i64,
    /// The attempt.
    pub attempt: Uuid,
    /// The sealed access token.
    pub access_token: Vec<u8>,
    /// The sealed refresh token: the new one, or the old one sealed anew where it goes on to be good.
    pub refresh_token: Vec<u8>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When to renew next.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// Scopes as granted, where the answer told, as JSON.
    pub scopes: Option<Vec<String>>,
    /// For the activity log.
    pub entry: StoredEntry,
}

/// What became of a [`Renewed`].
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// The attempt.
    pub attempt: Uuid,
    /// Whether the pair is the connection's now; else the grant it belongs to was replaced.
    pub stored: bool,
    /// The connection's status, which a success may prove wrong.
    pub status: ConnectionStatus,
    /// Its health.
    pub health: HealthCode,
}

/// Stores new pairs where the versions that were presented still stand, with the connections' dates
/// and their entries in the log; else the answers belong to grants that are gone. Guarded by the
/// version and not by the fence: a success is the only live pair there is, and wins over whoever
/// took the renewal over meanwhile. Asking again after a lost answer gives the same answer. A
/// connection that is gone has none.
///
/// # Errors
/// As every statement.
pub async fn store(
    db: &SystemExecutor,
    renewed: &[Renewed],
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, StoreError> {
    let column =
        |f: fn(&Renewed) -> Option<DateTime<Utc>>| renewed.iter().map(f).collect::<Vec<_>>();
    let entries: Vec<serde_json::Value> = renewed.iter().map(|r| entry(&r.entry)).collect();
    let scopes: Vec<Option<serde_json::Value>> = renewed
        .iter()
        .map(|r| r.scopes.as_ref().map(|scopes| serde_json::json!(scopes)))
        .collect();
    // Each attempt is probed by its whole key: joined, the planner may read all attempts of a tenant
    // once per row.
    let rows = sqlx::query!(
        r#"WITH given AS MATERIALIZED (
            SELECT g.*, k.id AS face, k.status, k.health_code
            FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[],
                        $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::jsonb[], $10::jsonb[])
                 AS g (connection_id, version, attempt, access_token, refresh_token, expires_at,
                       refresh_expires_at, next_refresh_at, scopes, entry)
            JOIN connections k ON k.id = g.connection_id
            ORDER BY k.id
            FOR NO KEY UPDATE OF k
        ), held AS MATERIALIZED (
            SELECT g.*, c.organization_id, c.version AS stands, (
                SELECT r.outcome FROM token_refreshes r
                WHERE r.organization_id = c.organization_id AND r.connection_id = g.connection_id
                  AND r.id = g.attempt) AS outcome
            FROM given g
            JOIN credentials c ON c.connection_id = g.connection_id
            ORDER BY c.connection_id
            FOR UPDATE OF c
        ), stored AS (
            UPDATE credentials c
            SET access_token = h.access_token, refresh_token = h.refresh_token,
                expires_at = h.expires_at, refresh_expires_at = h.refresh_expires_at,
                next_refresh_at = h.next_refresh_at, version = h.version + 1, fence = c.fence + 1,
                lease_until = NULL, attempt_id = NULL, attempt_started_at = NULL,
                unknown_outcomes = 0, refresh_failures = 0, refresh_refused = false, obtained_at = $11, updated_at = $11
            FROM held h
            WHERE c.connection_id = h.connection_id AND h.stands = h.version
        ), face AS (
            UPDATE connections k
            SET token_expires_at = h.expires_at, refresh_token_expires_at = h.refresh_expires_at,
                last_refreshed_at = $11,
                scopes = CASE WHEN h.scopes IS NULL THEN k.scopes
                         ELSE ARRAY(SELECT jsonb_array_elements_text(h.scopes)) END
            FROM held h
            WHERE k.id = h.connection_id AND h.stands = h.version
        ), told AS (
            INSERT INTO activity (organization_id, id, event, actor_id, actor_type, actor_name,
                subject_type, subject_id, subject_name, metadata, request_id, ip, created_at, key_id, mac)
            SELECT h.organization_id, (e->>'id')::uuid, e->>'event', (e->>'actor_id')::uuid,
                   e->>'actor_type', e->>'actor_name', e->>'subject_type', (e->>'subject_id')::uuid,
                   e->>'subject_name', e->'metadata', e->>'request_id', e->>'ip',
                   (e->>'created_at')::timestamptz, e->>'key_id', decode(e->>'mac', 'hex')
            FROM held h CROSS JOIN LATERAL (SELECT h.entry AS e) entry
            WHERE h.stands = h.version
        ), noted AS (
            UPDATE token_refreshes r
            SET outcome = CASE WHEN h.stands = h.version THEN 'refreshed' ELSE 'discarded' END,
                ended_at = clock_timestamp(), detail = NULL
            FROM held h
            WHERE r.organization_id = h.organization_id AND r.connection_id = h.connection_id
              AND r.id = h.attempt AND h.outcome IN ('in_flight', 'unknown')
        )
        SELECT h.attempt AS "attempt!",
               (h.stands = h.version OR h.outcome = 'refreshed') IS TRUE AS "stored!",
               h.status AS "status!: ConnectionStatus", h.health_code AS "health!: HealthCode"
        FROM held h"#,
        &renewed.iter().map(|r| r.connection.0).collect::<Vec<_>>(),
        &renewed.iter().map(|r| r.version).collect::<Vec<_>>(),
        &renewed.iter().map(|r| r.attempt).collect::<Vec<_>>(),
        &renewed
            .iter()
            .map(|r| r.access_token.clone())
            .collect::<Vec<_>>(),
        &renewed
            .iter()
            .map(|r| r.refresh_token.clone())
            .collect::<Vec<_>>(),
        &column(|r| r.expires_at) as &[Option<DateTime<Utc>>],
        &column(|r| r.refresh_expires_at) as &[Option<DateTime<Utc>>],
        &column(|r| r.next_refresh_at) as &[Option<DateTime<Utc>>],
        &scopes as &[Option<serde_json::Value>],
        &entries,
        now,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Stored {
            attempt: row.attempt,
            stored: row.stored,
            status: row.status,
            health: row.health,
        })
        .collect())
}

/// An entry as one value: fifteen more arrays would say the same at more length.
fn entry(stored: &StoredEntry) -> serde_json::Value {
    let e = &stored.entry;
    serde_json::json!({
        "id": e.id.0,
        "event": e.event,
        "actor_id": e.actor.id,
        "actor_type": e.actor.kind.as_str(),
        "actor_name": e.actor.name,
        "subject_type": e.subject.kind,
        "subject_id": e.subject.id,
        "subject_name": e.subject.name,
        "metadata": e.metadata,
        "request_id": e.request_id,
        "ip": e.ip,
        "created_at": e.created_at,
        "key_id": stored.key_id,
        "mac": hex::encode(&stored.mac),
    })
}
