//! What looking through the lists of a connection's hooks needs of `webhook_sources` and
//! `repository_hooks`: what is to be looked at, and what came of it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, WebhookSourceId};

/// What is to be looked at of a connection's hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Something may have been missed from then on.
    pub look_since: Option<DateTime<Utc>>,
    /// When a look was last asked for.
    pub look_asked_at: Option<DateTime<Utc>>,
    /// Whether it is asked for since nothing comes, and not since something was missed.
    pub silent: bool,
    /// When it was last asked how the hooks stand.
    pub check_asked_at: Option<DateTime<Utc>>,
    /// Up to when all lists were looked through.
    pub checked_until: Option<DateTime<Utc>>,
    /// When the source was made.
    pub created_at: DateTime<Utc>,
}

/// What is to be looked at; `None` where no hooks are registered.
///
/// # Errors
/// As every statement.
pub async fn wanted(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Wanted>, StoreError> {
    let row = sqlx::query_as!(
        Wanted,
        r#"SELECT look_since, look_asked_at, look_reason = 'silent' IS TRUE AS "silent!",
            check_asked_at, checked_until, created_at
         FROM webhook_sources WHERE id = $1 AND registered"#,
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// A hook that stands at the provider, as far as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSeen {
    /// The provider's immutable id of the repository.
    pub provider_repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
    /// The provider's id of the hook.
    pub hook_id: String,
    /// Whether it could last be made what it is to be.
    pub in_order: bool,
    /// When it was made what it is to be.
    pub checked_at: DateTime<Utc>,
    /// When the provider was last asked how it stands.
    pub standing_at: Option<DateTime<Utc>>,
    /// Up to when its list was looked through.
    pub listed_until: Option<DateTime<Utc>>,
}

/// The hooks of a connection that were installed, by name, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn hooks(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    limit: i64,
) -> Result<Vec<HookSeen>, StoreError> {
    let rows = sqlx::query_as!(
        HookSeen,
        r#"SELECT provider_repository_id, full_name, hook_id AS "hook_id!",
            error_code IS NULL AS "in_order!", checked_at, standing_at, listed_until
         FROM repository_hooks WHERE connection_id = $1 AND hook_id IS NOT NULL
         ORDER BY full_name, provider_repository_id LIMIT $2"#,
        connection.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// One of them.
///
/// # Errors
/// As every statement.
pub async fn hook(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
) -> Result<Option<HookSeen>, StoreError> {
    let row = sqlx::query_as!(
        HookSeen,
        r#"SELECT provider_repository_id, full_name, hook_id AS "hook_id!",
            error_code IS NULL AS "in_order!", checked_at, standing_at, listed_until
         FROM repository_hooks
         WHERE connection_id = $1 AND provider_repository_id = $2 AND hook_id IS NOT NULL"#,
        connection.0,
        provider_repository_id
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Marks a source for a look through all lists since then, where it is not marked yet: nothing has
/// come for a while.
///
/// # Errors
/// As every statement.
pub async fn mark_silent(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhook_sources SET look_since = $2, look_reason = 'silent', \
            look_asked_at = GREATEST($3, look_asked_at + interval '1 microsecond') \
         WHERE id = $1 AND registered AND look_since IS NULL",
        connection.0,
        since,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Marks a source for a look, since one of its hooks was found to fail or to send nothing, unless that
/// was found by a look within the last hour; whether it was marked.
///
/// # Errors
/// As every statement.
pub async fn mark_failing(
    db: impl PgExecutor<'_>,
    (connection, provider_repository_id): (ConnectionId, &str),
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_sources s SET look_since = LEAST(s.look_since, $3), look_reason = 'failing', \
            look_asked_at = GREATEST($4, s.look_asked_at + interval '1 microsecond') \
         WHERE s.id = $1 AND s.registered AND NOT EXISTS (SELECT FROM repository_hooks h \
            WHERE h.connection_id = $1 AND h.provider_repository_id = $2 \
                AND h.standing_at > $4::timestamptz - interval '1 hour')",
        connection.0,
        provider_repository_id,
        since,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What came of looking at one hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookLooked {
    /// When the provider was asked how it stands, if it was.
    pub standing_at: Option<DateTime<Utc>>,
    /// Up to when its list was looked through, if it was.
    pub listed_until: Option<DateTime<Utc>>,
    /// Deliveries that were fetched.
    pub recovered: i32,
    /// A stretch of time that no list tells of.
    pub gap: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// It sends nothing: the job that registers, which the caller enqueues, is to put it again.
    pub is_off: bool,
}

/// Writes down what came of looking at a hook. A gap beside the one that is noted widens it; another
/// one takes its place. One that is off is doubted (see [`repository_hooks`](super::repository_hooks)).
///
/// # Errors
/// As every statement.
pub async fn note_hook(
    db: &mut PgConnection,
    connection: ConnectionId,
    provider_repository_id: &str,
    looked: &HookLooked,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE repository_hooks SET standing_at = COALESCE($3, standing_at), \
            listed_until = COALESCE($4, listed_until), \
            secret_id = CASE WHEN $5::bool THEN NULL ELSE secret_id END \
         WHERE connection_id = $1 AND provider_repository_id = $2",
        connection.0,
        provider_repository_id,
        looked.standing_at,
        looked.listed_until,
        looked.is_off,
    )
    .execute(&mut *db)
    .await?;
    if looked.recovered == 0 && looked.gap.is_none() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE webhook_sources SET recovered = recovered + $2, \
            gap_from = CASE WHEN gap_from <= $4 AND gap_until >= $3 THEN LEAST(gap_from, $3) \
                ELSE COALESCE($3, gap_from) END, \
            gap_until = CASE WHEN gap_from <= $4 AND gap_until >= $3 THEN GREATEST(gap_until, $4) \
                ELSE COALESCE($4, gap_until) END \
         WHERE id = $1",
        connection.0,
        looked.recovered,
        looked.gap.map(|(from, _)| from),
        looked.gap.map(|(_, until)| until),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the mark of a source away that a look was asked for at `asked_at`, and notes up to when its
/// lists were looked through. A mark that was made since then stands.
///
/// # Errors
/// As every statement.
pub async fn finish(
    db: impl PgExecutor<'_>,
    source: WebhookSourceId,
    asked_at: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_sources SET look_since = NULL, look_reason = NULL, checked_until = $3 \
         WHERE id = $1 AND look_asked_at IS NOT DISTINCT FROM $2 AND look_since IS NOT NULL",
        source.0,
        asked_at,
        until
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
