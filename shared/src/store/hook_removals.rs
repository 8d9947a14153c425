//! `hook_removals`: hooks that stand at the provider though their connection is gone, with its credential,
//! sealed as it was.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::ConnectionId;
use crate::domain::provider::ProviderKind;

/// Hooks of one connection.
const MOST: i64 = 2_000;

/// What a connection leaves behind at the provider.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The provider.
    pub provider: ProviderKind,
    /// Its instance.
    pub base_url: String,
    /// How the credential was obtained.
    pub auth_method: AuthMethod,
    /// The user name that it is presented with.
    pub username: Option<String>,
    /// The organization at Azure DevOps.
    pub azure_organization: Option<String>,
    /// The account at the provider, whose window is used.
    pub account_id: Option<String>,
    /// Sealed in the place of the connection's access token.
    pub access_token: Vec<u8>,
    /// What of its hooks is left.
    pub hooks: Vec<LeftHook>,
}

/// A hook that is left, as [`keep`] writes it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftHook {
    /// The provider's immutable id of the repository.
    pub repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
    /// Where it delivers.
    pub url: String,
}

/// Copies what takes the hooks of a connection away, before it is deleted; whether there was anything: an
/// installation of an App has no hooks of its own, and without a token nothing can be taken away.
///
/// # Errors
/// As every statement.
pub async fn keep(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO hook_removals (organization_id, id, provider, base_url, auth_method, username, \
            azure_organization, account_id, access_token, hooks, created_at) \
         SELECT c.organization_id, c.id, c.provider, c.base_url, c.auth_method, c.username, \
            c.azure_organization, c.account_id, k.access_token, h.hooks, $2 \
         FROM connections c JOIN credentials k ON k.connection_id = c.id \
         CROSS JOIN LATERAL (SELECT json_agg(json_build_object('repository_id', \
                s.provider_repository_id, 'full_name', s.full_name, 'url', s.url)) AS hooks \
            FROM (SELECT * FROM repository_hooks r WHERE r.connection_id = $1 \
                ORDER BY r.provider_repository_id LIMIT $3) s) h \
         WHERE c.id = $1 AND c.auth_method <> 'github_app' AND k.access_token IS NOT NULL \
            AND h.hooks IS NOT NULL \
         ON CONFLICT (id) DO NOTHING",
        connection.0,
        now,
        MOST
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a connection has left behind; `None` where nothing is left.
///
/// # Errors
/// As every statement; [`StoreError::Corrupt`] where somebody else wrote the hooks.
pub async fn get(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
) -> Result<Option<Removal>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT provider AS "provider: ProviderKind", base_url, auth_method AS "auth_method: AuthMethod", username,
            azure_organization, account_id, access_token, hooks FROM hook_removals WHERE id = $1"#,
        connection.0
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let hooks = serde_json::from_value(row.hooks)
        .map_err(|error| StoreError::Corrupt(format!("hooks that are left: {error}")))?;
    Ok(Some(Removal {
        provider: row.provider,
        base_url: row.base_url,
        auth_method: row.auth_method,
        username: row.username,
        azure_organization: row.azure_organization,
        account_id: row.account_id,
        access_token: row.access_token,
        hooks,
    }))
}

/// Notes what is left.
///
/// # Errors
/// As every statement.
pub async fn note_left(
    db: impl PgExecutor<'_>,
    connection: ConnectionId,
    hooks: &[LeftHook],
) -> Result<(), StoreError> {
    let hooks = serde_json::json!(hooks);
    sqlx::query!(
        "UPDATE hook_removals SET hooks = $2 WHERE id = $1",
        connection.0,
        hooks
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what a connection has left behind, and its credential.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, connection: ConnectionId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM hook_removals WHERE id = $1", connection.0)
        .execute(db)
        .await?;
    Ok(())
}
