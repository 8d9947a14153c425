//! Taking a renewal: who may ask the provider, decided by the row alone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::domain::ids::ConnectionId;
use crate::domain::refresh::RefreshReason;
use crate::domain::text_enum::text_enum;
use crate::store::error::StoreError;

/// A renewal that somebody wants to make.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whose.
    pub connection: ConnectionId,
    /// The version of the credential that was read.
    pub version: i64,
    /// The id of the attempt, new.
    pub attempt: Uuid,
    /// Why.
    pub reason: RefreshReason,
    /// The refresh token works once ([`crate::providers::Rotation`] says).
    pub single_use: bool,
    /// The old access token dies with the renewal.
    pub kills_access_token: bool,
}

/// How long to wait for whom.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The lease of a renewal, renewed while its holder lives.
    pub lease: Duration,
    /// A call ends within this; what stands in flight for longer has lost its holder.
    pub deadline: Duration,
}

text_enum! {
    /// What the row says.
    pub enum Verdict {
        /// The asker holds it now.
        Taken = "taken",
        /// There is no refresh token.
        NotRenewable = "not_renewable",
        /// The credential was replaced meanwhile: use the new one.
        Moved = "moved",
        /// Somebody else is at it.
        Held = "held",
        /// Somebody else was, and the provider may still be working on it.
        Quarantined = "quarantined",
        /// The access token is lent out, and would die.
        InUse = "in_use",
        /// Presented twice with unknown outcome: a third time is not allowed.
        Undecidable = "undecidable",
    }
}

/// The answer to a [`Wanted`].
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// What the row says.
    pub verdict: Verdict,
    /// `Taken`: the fence of this attempt.
    pub fence: i64,
    /// `Held`, `Quarantined`: so long at least.
    pub wait: Duration,
    /// `InUse`: until then at most, by calendar time.
    pub until: Option<DateTime<Utc>>,
    /// `Taken`: the how many-th presentation of this refresh token it is.
    pub presentation: i16,
}

/// Takes a renewal, and writes its attempt down, in one statement: rows are locked, judged and
/// changed as they are then. An attempt of a dead holder that is taken over is written down as
/// `unknown`.
///
/// No takeover begins until the database has been up for one lease: a holder that has its answer
/// and could not store it comes first.
///
/// # Errors
/// As every statement ([`StoreError`]); `None` where the credential is gone.
pub async fn take(
    db: impl PgExecutor<'_>,
    wanted: &Wanted,
    waits: Waits,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Option<Answer>, StoreError> {
    let row = sqlx::query!(
        r#"WITH seen AS MATERIALIZED (
            SELECT c.*, clock_timestamp() AS moment,
                   c.unknown_outcomes + CASE WHEN c.attempt_id IS NULL THEN 0 ELSE 1 END AS unknown
            FROM credentials c
            WHERE c.connection_id = $1
            FOR UPDATE
        ), judged AS MATERIALIZED (
            SELECT s.*, CASE
                WHEN s.version <> $2 THEN 'moved'
                WHEN NOT s.renewable THEN 'not_renewable'
                WHEN s.lease_until > s.moment THEN 'held'
                WHEN s.attempt_id IS NOT NULL
                     AND GREATEST(s.attempt_started_at + $6::interval,
                                  pg_postmaster_start_time() + $5::interval) > s.moment
                     THEN 'quarantined'
                WHEN $7 AND s.unknown >= 2 THEN 'undecidable'
                WHEN $8 AND s.in_use_until > $10
                     AND COALESCE(s.expires_at - interval '60 seconds' > $10, true) THEN 'in_use'
                ELSE 'taken' END AS verdict
            FROM seen s
        ), lost AS (
            UPDATE token_refreshes r
            SET outcome = 'unknown', ended_at = j.moment,
                detail = 'the process that asked ended before it wrote the answer down'
            FROM judged j
            WHERE j.verdict IN ('taken', 'undecidable') AND r.organization_id = j.organization_id
              AND r.connection_id = j.connection_id AND r.id = j.attempt_id AND r.outcome = 'in_flight'
        ), taken AS (
            UPDATE credentials c
            SET fence = c.fence + 1, lease_until = j.moment + $5::interval,
                attempt_id = $3, attempt_started_at = j.moment, unknown_outcomes = j.unknown
            FROM judged j
            WHERE c.connection_id = j.connection_id AND j.verdict = 'taken'
            RETURNING c.organization_id, c.connection_id, c.fence, c.version, c.attempt_started_at,
                      c.unknown_outcomes
        ), spent AS (
            UPDATE credentials c
            SET attempt_id = NULL, attempt_started_at = NULL, unknown_outcomes = j.unknown
            FROM judged j
            WHERE c.connection_id = j.connection_id AND j.verdict = 'undecidable'
        ), noted AS (
            INSERT INTO token_refreshes (organization_id, connection_id, id, fence, version,
                presentation, reason, holder, started_at, outcome)
            SELECT t.organization_id, t.connection_id, $3, t.fence, t.version,
                   t.unknown_outcomes + 1, $4, $9, t.attempt_started_at, 'in_flight'
            FROM taken t
        )
        SELECT j.verdict AS "verdict!: Verdict", t.fence, j.in_use_until,
               (j.unknown + 1)::smallint AS "presentation!",
               extract(epoch FROM GREATEST(j.lease_until, j.attempt_started_at + $6::interval,
                   pg_postmaster_start_time() + $5::interval) - j.moment)::float8 AS wait
        FROM judged j LEFT JOIN taken t ON true"#,
        wanted.connection.0,
        wanted.version,
        wanted.attempt,
        wanted.reason.as_str(),
        interval(waits.lease),
        interval(waits.deadline),
        wanted.single_use,
        wanted.kills_access_token,
        holder,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Answer {
        verdict: row.verdict,
        fence: row.fence.unwrap_or_default(),
        wait: Duration::from_secs_f64(row.wait.unwrap_or_default().clamp(0.0, 3600.0)),
        until: row.in_use_until,
        presentation: row.presentation,
    }))
}

pub(super) fn interval(length: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(length.as_micros()).unwrap_or(i64::MAX),
    }
}
