//! As of when a connection's repositories and its installation are known.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::ids::{ConnectionId, ProviderConfigId};
use crate::store::error::StoreError;

/// As of when things are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAsOf {
    /// The end of the last sync that saw everything.
    pub synced_at: Option<DateTime<Utc>>,
    /// The newest event of its installation, by the provider's clock.
    pub installation_event_at: Option<DateTime<Utc>>,
    /// When its secret was obtained.
    pub obtained_at: Option<DateTime<Utc>>,
    /// The registration that its grant was given to; `None` is the platform's of the settings.
    pub provider_config: Option<ProviderConfigId>,
    /// The client of that registration; `None` where nobody told.
    pub oauth_client: Option<String>,
}

/// As of when a connection is known.
///
/// # Errors
/// As every statement.
pub async fn known_as_of(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<KnownAsOf, StoreError> {
    let row = sqlx::query_as!(
        KnownAsOf,
        "SELECT c.last_complete_sync_at AS synced_at, c.installation_event_at, \
            k.obtained_at AS \"obtained_at?\", k.provider_config_id AS \"provider_config: _\", \
            k.oauth_client_id AS \"oauth_client?\" \
         FROM connections c LEFT JOIN credentials k ON k.connection_id = c.id WHERE c.id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.unwrap_or_default())
}

/// Notes the newest event of a connection's installation.
///
/// # Errors
/// As every statement.
pub async fn note_installation_event(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET installation_event_at = $2 WHERE id = $1 \
            AND (installation_event_at IS NULL OR installation_event_at < $2)",
        id.0,
        at
    )
    .execute(db)
    .await?;
    Ok(())
}
