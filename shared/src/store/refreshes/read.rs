//! Reading what a renewal needs, and what became of earlier ones.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::ids::ConnectionId;
use crate::domain::refresh::{RefreshOutcome, RefreshReason};
use crate::store::error::StoreError;

/// One attempt as shown on a connection's timeline.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// Why it was made.
    pub reason: RefreshReason,
    /// The how many-th presentation of its refresh token it was.
    pub presentation: i16,
    /// When the provider was about to be asked.
    pub started_at: DateTime<Utc>,
    /// When its outcome was written down.
    pub ended_at: Option<DateTime<Utc>>,
    /// What became of it.
    pub outcome: RefreshOutcome,
    /// The provider's own code.
    pub code: Option<String>,
}

/// A grant as stored: secrets sealed.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The sealed access token.
    pub access_token: Option<Vec<u8>>,
    /// The sealed refresh token.
    pub refresh_token: Option<Vec<u8>>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When it is to be renewed.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// Moves with every change of the secret.
    pub version: i64,
    /// Failures in a row.
    pub failures: i16,
    /// The provider configuration it was granted to; `None` is the platform's, of the settings.
    pub provider_config_id: Option<Uuid>,
    /// The registration's public id.
    pub client_id: Option<String>,
    /// The redirect URI it was granted through.
    pub redirect_uri: Option<String>,
}

/// The grant of a connection.
///
/// # Errors
/// As every statement.
pub async fn grant(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Grant>, StoreError> {
    let row = sqlx::query_as!(
        Grant,
        "SELECT access_token, refresh_token, expires_at, refresh_expires_at, next_refresh_at, version, \
            refresh_failures AS failures, provider_config_id, oauth_client_id AS client_id, \
            oauth_redirect_uri AS redirect_uri \
         FROM credentials WHERE connection_id = $1",
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// The latest attempts of a connection before `before`, newest first.
///
/// # Errors
/// As every statement.
pub async fn history(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Attempt>, StoreError> {
    let rows = sqlx::query_as!(
        Attempt,
        r#"SELECT id, reason AS "reason: _", presentation, started_at, ended_at,
            outcome AS "outcome: _", code
         FROM token_refreshes
         WHERE connection_id = $1 AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3"#,
        connection.0,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
