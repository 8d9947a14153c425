//! `auth_trials`: credentials that are being tried, and those that hosts have counted as failed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// A credential that is to be presented.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The host that counts.
    pub host: String,
    /// The credential.
    pub key: String,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who presents it: one opening of it.
    pub asker: Uuid,
    /// It was taken within the last day.
    pub proven: bool,
    /// It is not stored yet.
    pub pasted: bool,
    /// A refusal of another asker since then is this one's too.
    pub since: DateTime<Utc>,
}

/// What a host lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Failures are counted this long.
    pub window: TimeDelta,
    /// So many per host, all told.
    pub most: i32,
    /// So many per host for credentials that are not proven.
    pub unproven: i32,
    /// So many per host for one organization.
    pub share: i32,
    /// Pasted ones are counted this long.
    pub pasted_window: TimeDelta,
    /// So many pasted ones for one organization.
    pub pasted: i32,
    /// One that was taken and not ended counts this long.
    pub lease: Duration,
}

/// Whether it may be presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialVerdict {
    /// Now.
    Taken,
    /// The same or enough others are under way: in a moment.
    Wait,
    /// It was refused meanwhile.
    Refused,
    /// The allowance is used up until then.
    Full(DateTime<Utc>),
    /// The organization has pasted too many that failed, until then.
    TooManyPasted(DateTime<Utc>),
}

/// Takes leave to present a credential.
///
/// # Errors
/// As every statement.
pub async fn take_trial(
    db: &SystemExecutor,
    trial: &Trial,
    allowance: &Allowance,
    now: DateTime<Utc>,
) -> Result<TrialVerdict, StoreError> {
    let row = sqlx::query!(
        r#"SELECT verdict AS "verdict!", retry_at FROM take_auth_trial(
            p_host => $1, p_key => $2, p_organization => $3, p_asker => $4, p_proven => $5, p_pasted => $6,
            p_since => $7, p_now => $8, p_lease => $9, p_window => $10, p_most => $11, p_unproven => $12,
            p_share => $13, p_pasted_window => $14, p_pasted_most => $15)"#,
        trial.host,
        trial.key,
        trial.organization.0,
        trial.asker,
        trial.proven,
        trial.pasted,
        trial.since,
        now,
        interval(TimeDelta::from_std(allowance.lease).unwrap_or(TimeDelta::MAX)),
        interval(allowance.window),
        allowance.most,
        allowance.unproven,
        allowance.share,
        interval(allowance.pasted_window),
        allowance.pasted,
    )
    .fetch_one(db.pool())
    .await?;
    Ok(match (row.verdict.as_str(), row.retry_at) {
        ("taken", _) => TrialVerdict::Taken,
        ("dead", _) => TrialVerdict::Refused,
        ("full", Some(at)) => TrialVerdict::Full(at),
        ("pasted", Some(at)) => TrialVerdict::TooManyPasted(at),
        _ => TrialVerdict::Wait,
    })
}

fn interval(delta: TimeDelta) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: delta.num_microseconds().unwrap_or(i64::MAX),
    }
}

/// It was taken: nothing of it counts any more. Of a stored credential that is written down, to
/// within an hour.
///
/// # Errors
/// As every statement.
pub async fn pass_trial(
    db: &SystemExecutor,
    (host, key): (&str, &str),
    stored: Option<ConnectionId>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH passed AS (DELETE FROM auth_trials WHERE host = $1 AND key = $2) \
         UPDATE credentials SET proven_at = $4::timestamptz \
         WHERE connection_id = $3 AND (proven_at IS NULL OR proven_at < $4::timestamptz - interval '1 hour')",
        host,
        key,
        stored.map(|id| id.0),
        now,
    )
    .execute(db.pool())
    .await?;
    Ok(())
}

/// It was refused.
///
/// # Errors
/// As every statement.
pub async fn fail_trial(
    db: &SystemExecutor,
    trial: &Trial,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO auth_trials AS t \
            (host, key, organization_id, pasted, asker, failures, failed_at, failed_by) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $5) \
         ON CONFLICT (host, key) DO UPDATE SET failures = LEAST(t.failures, 1000) + 1, \
            failed_at = $6, failed_by = $5, \
            trial_until = CASE WHEN t.asker = $5 THEN NULL ELSE t.trial_until END",
        trial.host,
        trial.key,
        trial.organization.0,
        trial.pasted,
        trial.asker,
        now,
    )
    .execute(db.pool())
    .await?;
    Ok(())
}

/// Nothing is known of it: its place goes to others.
///
/// # Errors
/// As every statement.
pub async fn release_trial(db: &SystemExecutor, trial: &Trial) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE auth_trials SET trial_until = NULL WHERE host = $1 AND key = $2 AND asker = $3",
        trial.host,
        trial.key,
        trial.asker,
    )
    .execute(db.pool())
    .await?;
    Ok(())
}

/// Since when the oldest failure of what an organization has pasted counts, where so many have failed
/// since `since` that no more are tried.
///
/// # Errors
/// As every statement.
pub async fn too_many_pasted(
    db: &SystemExecutor,
    organization: OrganizationId,
    since: DateTime<Utc>,
    most: i32,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row = sqlx::query_scalar!(
        "SELECT min(failed_at) FROM auth_trials \
         WHERE organization_id = $1 AND pasted AND failed_at > $2 HAVING count(*) >= $3",
        organization.0,
        since,
        i64::from(most),
    )
    .fetch_optional(db.pool())
    .await?;
    Ok(row.flatten())
}
