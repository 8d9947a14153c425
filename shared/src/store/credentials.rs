//! `credentials`: sealed secrets, guarded by a version.
//!
//! Every write of a secret moves `version` and `fence`, so that whoever took a refresh of the old
//! grant finds out (compare-and-set), whatever happened in between.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, OrganizationId, ProviderConfigId};

/// A credential as stored: secrets sealed.
#[derive(Clone, Debug)]
pub struct StoredCredential {
    /// The sealed access token or pasted token.
    pub access_token: Option<Vec<u8>>,
    /// The sealed refresh token.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Moves with every change of the secret.
    pub version: i64,
    /// Moves with every new grant or pasted token, and with no renewal.
    pub generation: i64,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When it is to be renewed.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// Renewals that failed in a row.
    pub refresh_failures: i16,
    /// The registration that it was granted to; `None` is the platform's, from the settings.
    pub provider_config_id: Option<Uuid>,
    /// The client of that registration; `None` where nobody told (a pasted token).
    pub oauth_client_id: Option<String>,
    /// The redirect URI that it was granted through.
    pub oauth_redirect_uri: Option<String>,
    /// When the provider last took the secret, to within an hour.
    pub proven_at: Option<DateTime<Utc>>,
}

/// A new secret for a connection, sealed.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// The sealed access token or pasted token or key; `None` for an App whose key is in its
    /// registration.
    pub access_token: Option<Vec<u8>>,
    /// The sealed refresh token.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When it is to be refreshed.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// The registration that it was granted to; `None` is the platform's, from the settings.
    pub provider_config: Option<ProviderConfigId>,
    /// The client of that registration; `None` where nobody told.
    pub client_id: Option<String>,
    /// The redirect URI that it was granted through.
    pub redirect_uri: Option<String>,
    /// When the provider took it; `None` where it could not be asked.
    pub proven_at: Option<DateTime<Utc>>,
}

/// The credential of a connection.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<StoredCredential>, StoreError> {
    let row = sqlx::query_as!(
        StoredCredential,
        "SELECT access_token, refresh_token, expires_at, version, generation, refresh_expires_at, \
            next_refresh_at, refresh_failures, provider_config_id, oauth_client_id, \
            oauth_redirect_uri, proven_at FROM credentials \
         WHERE connection_id = $1",
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Stores the first secret of a connection, or replaces it with a new grant.
///
/// # Errors
/// As every statement.
pub async fn put(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    connection: ConnectionId,
    new: &NewCredential,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO credentials AS c (organization_id, connection_id, access_token, \
            refresh_token, expires_at, refresh_expires_at, obtained_at, updated_at, \
            next_refresh_at, provider_config_id, oauth_client_id, oauth_redirect_uri, proven_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (connection_id) DO UPDATE SET access_token = $3, refresh_token = $4, \
            expires_at = $5, refresh_expires_at = $6, next_refresh_at = $8, \
            provider_config_id = $9, oauth_client_id = $10, oauth_redirect_uri = $11, \
            version = c.version + 1, fence = c.fence + 1, lease_until = NULL, \
            generation = c.generation + 1, attempt_id = NULL, attempt_started_at = NULL, \
            unknown_outcomes = 0, refresh_failures = 0, refresh_refused = false, \
            in_use_until = NULL, proven_at = $12, \
            obtained_at = $7, updated_at = $7",
        organization.0,
        connection.0,
        new.access_token,
        new.refresh_token,
        new.expires_at,
        new.refresh_expires_at,
        now,
        new.next_refresh_at,
        new.provider_config.map(|id| id.0),
        new.client_id,
        new.redirect_uri,
        new.proven_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes what a validation learned of the token's end, if the secret is still the one validated.
///
/// # Errors
/// As every statement.
pub async fn note_expiry(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    version: i64,
    expires_at: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credentials SET expires_at = $3 WHERE connection_id = $1 AND version = $2",
        connection.0,
        version,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
