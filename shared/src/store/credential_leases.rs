//! `credential_leases`: who was given a token, for what, until when.
//!
//! A lease on a lent connection belongs to the tenant that uses it; what a renewal has to wait for
//! is kept beside the token itself (`credentials.in_use_until`), in the tenant that owns it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, CredentialLeaseId, OrganizationId, UserId};

/// A lease.
#[derive(Clone, Debug)]
pub struct CredentialLease {
    /// Its id.
    pub id: CredentialLeaseId,
    /// Who uses it.
    pub organization: OrganizationId,
    /// Who owns the connection: the same, or the platform.
    pub connection_organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
    /// The version of the token that was given.
    pub version: i64,
    /// What for, in the caller's words.
    pub purpose: String,
    /// The repository, where one was named.
    pub repository: Option<String>,
    /// The environment, where one was named.
    pub environment: Option<Uuid>,
    /// Who asked.
    pub created_by: Option<UserId>,
    /// Their name.
    pub created_by_name: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when the token must not be replaced.
    pub ends_at: DateTime<Utc>,
}

/// Writes a lease down.
///
/// # Errors
/// [`StoreError::Missing`] where the connection is gone.
pub async fn insert(db: impl PgExecutor<'_>, lease: &CredentialLease) -> Result<(), StoreError> {
    let l = lease;
    sqlx::query!(
        "INSERT INTO credential_leases (organization_id, id, connection_organization_id, \
            connection_id, credential_version, purpose, repository, environment_id, created_by, \
            created_by_name, created_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        l.organization.0,
        l.id.0,
        l.connection_organization.0,
        l.connection.0,
        l.version,
        l.purpose,
        l.repository,
        l.environment,
        l.created_by.map(|id| id.0),
        l.created_by_name,
        l.created_at,
        l.ends_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes which token was given.
///
/// # Errors
/// As every statement.
pub async fn note_version(
    db: impl PgExecutor<'_>,
    id: CredentialLeaseId,
    version: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE credential_leases SET credential_version = $2 WHERE id = $1",
        id.0,
        version
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes back a lease that was not given after all.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, id: CredentialLeaseId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM credential_leases WHERE id = $1", id.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that a lease was given back; false where there is none of this connection, and true again
/// where it was given back already.
///
/// # Errors
/// As every statement.
pub async fn give_back(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    id: CredentialLeaseId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credential_leases SET returned_at = COALESCE(returned_at, $3) \
         WHERE id = $1 AND connection_id = $2",
        id.0,
        connection.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A connection's token as it stands, locked until the transaction ends.
#[derive(Clone, Debug)]
pub struct Lendable {
    /// The sealed access token.
    pub access_token: Option<Vec<u8>>,
    /// Moves with every change of the secret.
    pub version: i64,
    /// When the token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether a renewal is under way.
    pub renewing: bool,
}

/// Locks a connection's token for lending it.
///
/// # Errors
/// As every statement.
pub async fn lock(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Lendable>, StoreError> {
    let row = sqlx::query_as!(
        Lendable,
        r#"SELECT access_token, version, expires_at, renewable,
            (attempt_id IS NOT NULL OR lease_until > clock_timestamp()) IS TRUE AS "renewing!"
           FROM credentials WHERE connection_id = $1 FOR UPDATE"#,
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Notes that the token is lent out until `ends_at` at least. The row must be locked.
///
/// # Errors
/// As every statement.
pub async fn lend(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    ends_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE credentials SET in_use_until = GREATEST(in_use_until, $2) WHERE connection_id = $1",
        connection.0,
        ends_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes until when the token is lent out now, and lets a renewal that waited for it go on. The row
/// must be locked.
///
/// # Errors
/// As every statement.
pub async fn free(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    in_use_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE credentials SET in_use_until = $2::timestamptz, \
            next_refresh_at = CASE WHEN next_refresh_at = in_use_until \
                THEN GREATEST(COALESCE($2::timestamptz, $3::timestamptz), $3::timestamptz) ELSE next_refresh_at END \
         WHERE connection_id = $1",
        connection.0,
        in_use_until,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
