//! What the owner of a credential, or of a client secret, was told of its end (`credentials`,
//! `provider_configs`).

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::{ConnectionId, ProviderConfigId};

/// A credential that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When what only a person can replace ends: the refresh token where there is one, else the token.
    pub ends_at: DateTime<Utc>,
    /// Whether that is a refresh token.
    pub renewable: bool,
    /// Whether the provider lets the token make no successor.
    pub unrotatable: bool,
    /// Whether a renewal is under way, which may move the end.
    pub under_way: bool,
}

/// What ends of a connection's credential; `None` where nothing does.
///
/// # Errors
/// As every statement.
pub async fn ending(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Ending>, StoreError> {
    let row = sqlx::query_as!(
        Ending,
        r#"SELECT ends_at AS "ends_at!", renewable AS "renewable!",
            unrotatable_version IS NOT DISTINCT FROM version AS "unrotatable!",
            (attempt_id IS NOT NULL OR lease_until > clock_timestamp()) IS TRUE AS "under_way!"
         FROM credentials WHERE connection_id = $1 AND ends_at IS NOT NULL"#,
        connection.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Notes that this step before this end was reached; false where the end has moved, or the step was
/// noted already: then it is another's to tell.
///
/// # Errors
/// As every statement.
pub async fn note(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    ends_at: DateTime<Utc>,
    step: i16,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE credentials SET warned_end = $2, warned_days = $3 \
         WHERE connection_id = $1 AND ends_at = $2 \
            AND (warned_end IS DISTINCT FROM $2 OR warned_days > $3)",
        connection.0,
        ends_at,
        step,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The same for a registration's client secret.
///
/// # Errors
/// As every statement.
pub async fn note_secret(
    db: impl PgExecutor<'_>,
    config: ProviderConfigId,
    ends_at: DateTime<Utc>,
    step: i16,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE provider_configs SET warned_end = $2, warned_days = $3 \
         WHERE id = $1 AND client_secret_expires_at = $2 \
            AND (warned_end IS DISTINCT FROM $2 OR warned_days > $3)",
        config.0,
        ends_at,
        step,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
