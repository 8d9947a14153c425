//! Whose credential's end, or client secret's, has to be told of.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId, ProviderConfigId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// A credential about whose end something has to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueWarning {
    /// Its tenant.
    pub organization: OrganizationId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Credentials about whose end something has to be said at `now`, behind `after`, at most `limit`,
/// longest due first.
///
/// # Errors
/// As every statement.
pub async fn due_warnings(
    db: &SystemExecutor,
    after: (DateTime<Utc>, ConnectionId),
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueWarning>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT organization_id, connection_id, warn_at AS "since!" FROM credentials
         WHERE warn_at IS NOT NULL AND warn_at <= $3 AND (warn_at, connection_id) > ($1, $2)
         ORDER BY warn_at, connection_id LIMIT $4"#,
        after.0,
        after.1.0,
        now,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueWarning {
            organization: row.organization_id.into(),
            connection: row.connection_id.into(),
            since: row.since,
        })
        .collect())
}

/// A registration about the end of whose client secret something has to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSecretWarning {
    /// Its tenant.
    pub organization: OrganizationId,
    /// Itself.
    pub config: ProviderConfigId,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Registrations about the end of whose client secret something has to be said at `now`, behind
/// `after`, at most `limit`, longest due first.
///
/// # Errors
/// As every statement.
pub async fn due_secret_warnings(
    db: &SystemExecutor,
    after: (DateTime<Utc>, ProviderConfigId),
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueSecretWarning>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT organization_id, id, warn_at AS "since!" FROM provider_configs
         WHERE warn_at IS NOT NULL AND warn_at <= $3 AND (warn_at, id) > ($1, $2)
         ORDER BY warn_at, id LIMIT $4"#,
        after.0,
        after.1.0,
        now,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueSecretWarning {
            organization: row.organization_id.into(),
            config: row.id.into(),
            since: row.since,
        })
        .collect())
}
