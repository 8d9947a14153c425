//! Repositories as webhooks tell of them: one at a time, in the transaction that handles a delivery.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::gone::Removed;
use crate::domain::ids::{ConnectionId, RepositoryId};
use crate::domain::repository::RemoteRepository;
use crate::store::error::StoreError;

/// A stored repository, as far as an event is compared with it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownRepository {
    /// Ours.
    pub id: RepositoryId,
    /// As it stands.
    pub remote: RemoteRepository,
    /// When it was found to be gone.
    pub removed_at: Option<DateTime<Utc>>,
    /// When anything last changed it.
    pub last_changed_at: DateTime<Utc>,
    /// As of when, at the provider, an event last left it.
    pub event_at: Option<DateTime<Utc>>,
    /// The change that this was.
    pub event_applied_at: Option<DateTime<Utc>>,
}

/// The repository of the provider's id, locked until the transaction ends.
///
/// # Errors
/// As every statement.
pub async fn known_for_update(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
) -> Result<Option<KnownRepository>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, provider_repository_id, name, full_name, url, clone_url, ssh_url, private, \
            default_branch, description, language, archived, fork, has_write_access, size_kb, \
            pushed_at, removed_at, last_changed_at, event_at, event_applied_at FROM repositories \
         WHERE connection_id = $1 AND provider_repository_id = $2 FOR NO KEY UPDATE",
        connection.0,
        provider_repository_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| KnownRepository {
        id: row.id.into(),
        remote: RemoteRepository {
            provider_repository_id: row.provider_repository_id,
            name: row.name,
            full_name: row.full_name,
            url: row.url,
            clone_url: row.clone_url,
            ssh_url: row.ssh_url,
            private: row.private,
            default_branch: row.default_branch,
            description: row.description,
            language: row.language,
            archived: row.archived,
            fork: row.fork,
            has_write_access: row.has_write_access,
            size_kb: row.size_kb,
            pushed_at: row.pushed_at,
        },
        removed_at: row.removed_at,
        last_changed_at: row.last_changed_at,
        event_at: row.event_at,
        event_applied_at: row.event_applied_at,
    }))
}

/// Notes as of when an event left a repository.
///
/// # Errors
/// As every statement.
pub async fn note_event(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_id: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE repositories SET event_at = $3, event_applied_at = last_changed_at \
         WHERE connection_id = $1 AND provider_repository_id = $2",
        connection.0,
        provider_repository_id,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Marks repositories as removed, since their provider said so; those that stood.
///
/// # Errors
/// As every statement.
pub async fn remove(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    provider_repository_ids: &[String],
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Removed>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE repositories r SET removed_at = $4, last_changed_at = $4, event_at = $3, \
            event_applied_at = $4 \
         WHERE r.connection_id = $1 AND r.removed_at IS NULL AND r.id = ANY (ARRAY( \
            SELECT w.id FROM repositories w WHERE w.connection_id = $1 \
                AND w.provider_repository_id = ANY ($2) \
            ORDER BY w.provider_repository_id FOR NO KEY UPDATE)) \
         RETURNING r.id, r.provider_repository_id, r.full_name",
        connection.0,
        provider_repository_ids,
        at,
        now,
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

/// Where a branch or a pull request stands now.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// The repository, by the provider's id.
    pub repository: &'a str,
    /// `refs/heads/…` or `pull/…`.
    pub topic: &'a str,
    /// The commit; `None` where there is none any more.
    pub sha: Option<&'a str>,
    /// The commit before.
    pub before: Option<&'a str>,
    /// As of when.
    pub at: DateTime<Utc>,
    /// What that is.
    pub dated: Dated,
    /// Where it stands like this, nothing has happened.
    pub same: &'a [String],
}

/// How far a date can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// The provider's word.
    ByProvider,
    /// When it came, the first time that it was sent: within seconds, in which two may have changed places.
    OnArrival,
    /// When a copy of it came: it may be of any age.
    Late,
}

/// Moves a mark, unless it stands further on already; whether it moved. What goes on from where the
/// mark stands is newer whatever the clocks say; what the mark went on from is older, but by the
/// provider's own date (a branch may be set back). What may be of any age has to go on from the mark.
///
/// # Errors
/// As every statement.
pub async fn move_mark(
    db: impl PgExecutor<'_>,
    organization: Uuid,
    connection: ConnectionId,
    mark: &Mark<'_>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO event_marks AS m (organization_id, connection_id, provider_repository_id, \
            topic, sha, sha_before, at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (organization_id, connection_id, provider_repository_id, topic) DO UPDATE \
            SET sha = $5, sha_before = $6, at = GREATEST(m.at, $7) \
            WHERE (m.sha IS NULL OR m.sha <> ALL ($8)) \
              AND (m.sha IS NOT DISTINCT FROM $6 AND m.sha IS DISTINCT FROM $5 \
               OR m.at < $7 AND ($9 OR $10 AND ($5 IS NULL OR m.sha_before IS DISTINCT FROM $5)) \
               OR m.at = $7 AND ($9 OR $10) AND m.sha IS DISTINCT FROM $5 \
                    AND m.sha_before IS DISTINCT FROM $5)",
        organization,
        connection.0,
        mark.repository,
        mark.topic,
        mark.sha,
        mark.before,
        mark.at,
        mark.same,
        mark.dated == Dated::ByProvider,
        mark.dated == Dated::OnArrival,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
