//! `token_rotations` and what a rotation needs of `credentials`: who may ask, and what came of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use super::sweeps::renewals::interval;
use crate::domain::ids::ConnectionId;
use crate::domain::rotation::RotationOutcome;

/// A token that may make its successor: sealed.
#[derive(Clone, Debug)]
pub struct Rotatable {
    /// Moves with every change of the secret.
    pub version: i64,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When we got it.
    pub obtained_at: DateTime<Utc>,
    /// Not before then again.
    pub rotate_after: Option<DateTime<Utc>>,
    /// Whether the provider lets it make none.
    pub unrotatable: bool,
    /// The attempt of this version whose outcome is not known.
    pub open: Option<Uuid>,
}

/// A connection's token, where it is one that nobody renews.
///
/// # Errors
/// As every statement.
pub async fn read(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Rotatable>, StoreError> {
    let row = sqlx::query_as!(
        Rotatable,
        r#"SELECT c.version, c.expires_at, c.obtained_at,
            c.rotate_after, c.unrotatable_version IS NOT DISTINCT FROM c.version AS "unrotatable!",
            r.id AS "open?"
         FROM credentials c
         LEFT JOIN token_rotations r ON r.organization_id = c.organization_id
            AND r.connection_id = c.connection_id AND r.version = c.version
            AND r.outcome IN ('in_flight', 'unknown')
         WHERE c.connection_id = $1 AND NOT c.renewable AND c.access_token IS NOT NULL"#,
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// What is taken, by whom.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that was read.
    pub version: i64,
    /// Longer than everything that is done under it can take: it is not renewed.
    pub lease: Duration,
    /// This process.
    pub holder: &'a str,
}

/// Takes the token and writes the attempt down; false where another is at it, it is lent out and
/// does not end within a minute, its version moved, or an attempt's outcome is open.
///
/// # Errors
/// As every statement.
pub async fn begin(
    db: impl PgExecutor<'_>,
    take: Take<'_>,
    attempt: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "WITH taken AS ( \
            UPDATE credentials c SET fence = c.fence + 1, lease_until = clock_timestamp() + $3::interval \
            WHERE c.connection_id = $1 AND c.version = $2 AND NOT c.renewable \
                AND (c.lease_until IS NULL OR c.lease_until <= clock_timestamp()) \
                AND (c.in_use_until IS NULL OR c.in_use_until <= $6 \
                     OR c.expires_at <= $6::timestamptz + interval '60 seconds') \
                AND NOT EXISTS (SELECT FROM token_rotations r \
                    WHERE r.connection_id = $1 AND r.version = $2 \
                        AND r.outcome IN ('in_flight', 'unknown')) \
            RETURNING c.organization_id, c.connection_id, c.version) \
         INSERT INTO token_rotations (organization_id, connection_id, id, version, holder, \
            started_at, outcome) \
         SELECT organization_id, connection_id, $4, version, $5, clock_timestamp(), 'in_flight' \
         FROM taken",
        take.connection.0,
        take.version,
        interval(take.lease),
        attempt,
        take.holder,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the token to find out what became of an open attempt; false where another is at it.
///
/// # Errors
/// As every statement.
pub async fn look(db: impl PgExecutor<'_>, take: Take<'_>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credentials SET fence = fence + 1, lease_until = clock_timestamp() + $3::interval \
         WHERE connection_id = $1 AND version = $2 \
            AND (lease_until IS NULL OR lease_until <= clock_timestamp())",
        take.connection.0,
        take.version,
        interval(take.lease),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What came of an attempt, and what follows for the token.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that was taken.
    pub version: i64,
    /// The attempt.
    pub attempt: Uuid,
    /// What became of it.
    pub outcome: RotationOutcome,
    /// For operators.
    pub detail: Option<String>,
    /// Not before then again.
    pub again: Option<DateTime<Utc>>,
    /// Nobody takes the token for so long: the host may still be at it.
    pub quarantine: Option<Duration>,
}

/// Writes down what came of an attempt without a successor, and lets the token go; false where its
/// version has moved: then it is nobody's business any more.
///
/// # Errors
/// As every statement.
pub async fn end(db: impl PgExecutor<'_>, ended: &Ended) -> Result<bool, StoreError> {
    let stands = sqlx::query_scalar!(
        r#"WITH noted AS (
            UPDATE token_rotations SET outcome = $4, detail = $5,
                ended_at = CASE WHEN $4 = 'in_flight' THEN NULL ELSE clock_timestamp() END
            WHERE connection_id = $1 AND id = $3 AND outcome IN ('in_flight', 'unknown')
        ), freed AS (
            UPDATE credentials SET lease_until = clock_timestamp() + $7::interval, rotate_after = $6,
                unrotatable_version = CASE WHEN $4 = 'unsupported' THEN version
                                      ELSE unrotatable_version END
            WHERE connection_id = $1 AND version = $2
            RETURNING connection_id
        )
        SELECT EXISTS (SELECT FROM freed) AS "stands!""#,
        ended.connection.0,
        ended.version,
        ended.attempt,
        ended.outcome.as_str(),
        ended.detail,
        ended.again,
        ended.quarantine.map(interval),
    )
    .fetch_one(db)
    .await?;
    Ok(stands)
}

/// A successor, sealed.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// Whose.
    pub connection: ConnectionId,
    /// The version that made it.
    pub version: i64,
    /// The attempt.
    pub attempt: Uuid,
    /// The sealed successor.
    pub access_token: Vec<u8>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What became of a [`Rotated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the connection's token now.
    Now,
    /// It was before: the answer to that was lost.
    Before,
    /// The token that made it was replaced meanwhile, or its connection is gone: it is nobody's.
    Replaced,
}

/// Stores a successor where the version that made it still stands, whoever has taken the token
/// meanwhile: it is the only live one. Asking again after a lost answer stores nothing twice.
///
/// # Errors
/// As every statement.
pub async fn store(
    db: impl PgExecutor<'_>,
    rotated: &Rotated,
    now: DateTime<Utc>,
) -> Result<Kept, StoreError> {
    let row = sqlx::query!(
        r#"WITH stored AS (
            UPDATE credentials SET access_token = $4, expires_at = $5, version = version + 1,
                fence = fence + 1, lease_until = NULL, rotate_after = NULL,
                obtained_at = $6, updated_at = $6
            WHERE connection_id = $1 AND version = $2 RETURNING connection_id
        ), noted AS (
            UPDATE token_rotations SET ended_at = clock_timestamp(),
                outcome = CASE WHEN EXISTS (SELECT FROM stored) THEN 'rotated' ELSE 'discarded' END
            WHERE connection_id = $1 AND id = $3 AND outcome <> 'rotated'
        )
        SELECT EXISTS (SELECT FROM stored) AS "now!",
            EXISTS (SELECT FROM token_rotations
                    WHERE connection_id = $1 AND id = $3 AND outcome = 'rotated') AS "before!""#,
        rotated.connection.0,
        rotated.version,
        rotated.attempt,
        rotated.access_token,
        rotated.expires_at,
        now,
    )
    .fetch_one(db)
    .await?;
    Ok(match (row.now, row.before) {
        (true, _) => Kept::Now,
        (false, true) => Kept::Before,
        (false, false) => Kept::Replaced,
    })
}
