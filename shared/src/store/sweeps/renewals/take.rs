//! Taking renewals: who may ask the provider, decided by the rows alone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::interval;
use crate::domain::ids::ConnectionId;
use crate::domain::refresh::RefreshReason;
use crate::domain::text_enum::text_enum;
use crate::store::connect::SystemExecutor;
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
        /// The provider has refused it for good.
        Refused = "refused",
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
    /// The attempt that it answers.
    pub attempt: Uuid,
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

/// Takes renewals of different connections and writes their attempts down, in one statement: rows
/// are locked, judged and changed as they are then. An attempt of a dead holder that is taken over
/// is written down as `unknown`. Asking again with the same attempt, after a lost answer, gives the
/// same answer. A connection that is gone has none.
///
/// No takeover begins until the database has been up for one lease: a holder that has its answer
/// and could not store it comes first.
///
/// # Errors
/// As every statement ([`StoreError`]).
pub async fn take(
    db: &SystemExecutor,
    wanted: &[Wanted],
    waits: Waits,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Answer>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH seen AS MATERIALIZED (
            SELECT c.organization_id, c.connection_id, c.version, c.lease_until, c.renewable, c.refresh_refused,
                   c.attempt_id, c.attempt_started_at, c.in_use_until, c.expires_at, c.fence,
                   w.attempt, w.reason, w.version AS wanted, w.single_use, w.kills,
                   clock_timestamp() AS moment, c.attempt_id IS NOT DISTINCT FROM w.attempt AS mine,
                   c.unknown_outcomes + CASE WHEN c.attempt_id IS NULL OR c.attempt_id = w.attempt
                       THEN 0 ELSE 1 END AS unknown
            FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::boolean[], $6::boolean[])
                 AS w (connection_id, version, attempt, reason, single_use, kills)
            JOIN credentials c ON c.connection_id = w.connection_id
            ORDER BY c.connection_id
            FOR UPDATE OF c
        ), judged AS MATERIALIZED (
            SELECT s.*, CASE
                WHEN s.version <> s.wanted THEN 'moved'
                WHEN NOT s.renewable THEN 'not_renewable'
                WHEN s.refresh_refused THEN 'refused'
                WHEN s.mine THEN 'taken'
                WHEN s.lease_until > s.moment THEN 'held'
                WHEN s.attempt_id IS NOT NULL
                     AND GREATEST(s.attempt_started_at + $8::interval,
                                  pg_postmaster_start_time() + $7::interval) > s.moment
                     THEN 'quarantined'
                WHEN s.single_use AND s.unknown >= 2 THEN 'undecidable'
                WHEN s.kills AND s.in_use_until > $10
                     AND COALESCE(s.expires_at - interval '60 seconds' > $10, true) THEN 'in_use'
                ELSE 'taken' END AS verdict
            FROM seen s
        ), lost AS (
            UPDATE token_refreshes r
            SET outcome = 'unknown', ended_at = j.moment,
                detail = 'the process that asked ended before it wrote the answer down'
            FROM judged j
            WHERE j.verdict IN ('taken', 'undecidable') AND NOT j.mine
              AND r.organization_id = j.organization_id AND r.connection_id = j.connection_id
              AND r.id = j.attempt_id AND r.outcome = 'in_flight'
        ), taken AS (
            UPDATE credentials c
            SET fence = c.fence + CASE WHEN j.mine THEN 0 ELSE 1 END,
                lease_until = j.moment + $7::interval, attempt_id = j.attempt,
                attempt_started_at = CASE WHEN j.mine THEN c.attempt_started_at ELSE j.moment END,
                unknown_outcomes = j.unknown
            FROM judged j
            WHERE c.connection_id = j.connection_id AND j.verdict = 'taken'
        ), spent AS (
            UPDATE credentials c
            SET attempt_id = NULL, attempt_started_at = NULL, unknown_outcomes = j.unknown
            FROM judged j
            WHERE c.connection_id = j.connection_id AND j.verdict = 'undecidable'
        ), noted AS (
            INSERT INTO token_refreshes (organization_id, connection_id, id, fence, version,
                presentation, reason, holder, started_at, outcome)
            SELECT j.organization_id, j.connection_id, j.attempt, j.fence + 1, j.version,
                   j.unknown + 1, j.reason, $9, j.moment, 'in_flight'
            FROM judged j
            WHERE j.verdict = 'taken' AND NOT j.mine
        )
        SELECT j.attempt AS "attempt!", j.verdict AS "verdict!: Verdict", j.in_use_until,
               j.fence + CASE WHEN j.mine THEN 0 ELSE 1 END AS "fence!",
               (j.unknown + 1)::smallint AS "presentation!",
               extract(epoch FROM GREATEST(j.lease_until, j.attempt_started_at + $8::interval,
                   pg_postmaster_start_time() + $7::interval) - j.moment)::float8 AS wait
        FROM judged j"#,
        &wanted.iter().map(|w| w.connection.0).collect::<Vec<_>>(),
        &wanted.iter().map(|w| w.version).collect::<Vec<_>>(),
        &wanted.iter().map(|w| w.attempt).collect::<Vec<_>>(),
        &wanted
            .iter()
            .map(|w| w.reason.as_str().to_owned())
            .collect::<Vec<_>>(),
        &wanted.iter().map(|w| w.single_use).collect::<Vec<_>>(),
        &wanted
            .iter()
            .map(|w| w.kills_access_token)
            .collect::<Vec<_>>(),
        interval(waits.lease),
        interval(waits.deadline),
        holder,
        now,
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Answer {
            attempt: row.attempt,
            verdict: row.verdict,
            fence: row.fence,
            wait: Duration::from_secs_f64(row.wait.unwrap_or_default().clamp(0.0, 3600.0)),
            until: row.in_use_until,
            presentation: row.presentation,
        })
        .collect())
}
