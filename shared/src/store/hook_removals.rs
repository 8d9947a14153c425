//! `hook_removals`: hooks that stand at the provider though their connection is gone, with its credential,
//! sealed as it was. Those of an organization that is gone too are the platform's.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::{ConnectionId, OrganizationId};
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
    /// The organization that it is sealed for, where that is gone.
    pub former_organization: Option<OrganizationId>,
    /// The certificates that its organization had named for the instance.
    pub ca_certificate: Option<String>,
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

/// Copies what takes the hooks of connections away, before they are deleted: those that have any. An
/// installation of an App has no hooks of its own, and without a token nothing can be taken away.
///
/// # Errors
/// As every statement.
pub async fn keep(
    db: impl PgExecutor<'_>,
    connections: &[ConnectionId],
    now: DateTime<Utc>,
) -> Result<Vec<ConnectionId>, StoreError> {
    let ids: Vec<Uuid> = connections.iter().map(|id| id.0).collect();
    let kept = sqlx::query_scalar!(
        "INSERT INTO hook_removals (organization_id, id, provider, base_url, auth_method, username, \
            azure_organization, account_id, access_token, ca_certificate, hooks, created_at) \
         SELECT c.organization_id, c.id, c.provider, c.base_url, c.auth_method, c.username, \
            c.azure_organization, c.account_id, k.access_token, (SELECT p.ca_certificate \
                FROM provider_configs p WHERE p.provider = c.provider AND p.base_url = c.base_url), \
            h.hooks, $2 \
         FROM unnest($1::uuid[]) d(id) JOIN connections c ON c.id = d.id \
         JOIN credentials k ON k.connection_id = d.id \
         CROSS JOIN LATERAL (SELECT json_agg(json_build_object('repository_id', \
                s.provider_repository_id, 'full_name', s.full_name, 'url', s.url)) AS hooks \
            FROM (SELECT * FROM repository_hooks r WHERE r.connection_id = d.id \
                ORDER BY r.provider_repository_id LIMIT $3) s) h \
         WHERE c.auth_method <> 'github_app' AND k.access_token IS NOT NULL \
            AND h.hooks IS NOT NULL \
         ON CONFLICT (id) DO NOTHING RETURNING id",
        &ids,
        now,
        MOST
    )
    .fetch_all(db)
    .await?;
    Ok(kept.into_iter().map(Into::into).collect())
}

/// Connections of the transaction's tenant that have hooks, behind `after`, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn hooked(
    db: impl PgExecutor<'_>,
    after: ConnectionId,
    limit: i64,
) -> Result<Vec<ConnectionId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT connection_id FROM repository_hooks WHERE connection_id > $1 \
         ORDER BY connection_id LIMIT $2",
        after.0,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// What an organization leaves behind, on its way to the platform.
#[derive(Debug)]
pub struct Estate(Vec<Row>);

#[derive(Debug)]
struct Row {
    organization_id: Uuid,
    id: Uuid,
    provider: String,
    base_url: String,
    auth_method: String,
    username: Option<String>,
    azure_organization: Option<String>,
    account_id: Option<String>,
    access_token: Vec<u8>,
    ca_certificate: Option<String>,
    hooks: serde_json::Value,
    created_at: DateTime<Utc>,
}

impl Estate {
    /// The connections that were.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.0.iter().map(|row| ConnectionId(row.id))
    }
}

/// Takes at most `limit` of what the transaction's tenant has left out of it.
///
/// # Errors
/// As every statement.
pub async fn take(db: impl PgExecutor<'_>, limit: i64) -> Result<Estate, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "DELETE FROM hook_removals r WHERE r.id IN (SELECT id FROM hook_removals ORDER BY id LIMIT $1) \
         RETURNING r.organization_id, r.id, r.provider, r.base_url, r.auth_method, r.username, \
            r.azure_organization, r.account_id, r.access_token, r.ca_certificate, r.hooks, r.created_at",
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(Estate(rows))
}

/// Keeps what an organization has left, for the transaction's tenant.
///
/// # Errors
/// As every statement.
pub async fn put(
    db: impl PgExecutor<'_>,
    heir: OrganizationId,
    estate: &Estate,
) -> Result<(), StoreError> {
    macro_rules! column {
        (|$r:ident| $value:expr) => {
            estate.0.iter().map(|$r| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "INSERT INTO hook_removals (organization_id, former_organization_id, id, provider, base_url, \
            auth_method, username, azure_organization, account_id, access_token, ca_certificate, hooks, \
            created_at) \
         SELECT $1, n.former, n.id, n.provider, n.base_url, n.auth_method, n.username, \
            n.azure_organization, n.account_id, n.access_token, n.ca_certificate, n.hooks, n.created_at \
         FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
                $9::text[], $10::bytea[], $11::text[], $12::json[], $13::timestamptz[]) \
            AS n(former, id, provider, base_url, auth_method, username, azure_organization, account_id, \
                access_token, ca_certificate, hooks, created_at)",
        heir.0,
        &column!(|r| r.organization_id),
        &column!(|r| r.id),
        &column!(|r| r.provider.as_str()) as &[&str],
        &column!(|r| r.base_url.as_str()) as &[&str],
        &column!(|r| r.auth_method.as_str()) as &[&str],
        &column!(|r| r.username.as_deref()) as &[Option<&str>],
        &column!(|r| r.azure_organization.as_deref()) as &[Option<&str>],
        &column!(|r| r.account_id.as_deref()) as &[Option<&str>],
        &column!(|r| r.access_token.as_slice()) as &[&[u8]],
        &column!(|r| r.ca_certificate.as_deref()) as &[Option<&str>],
        &column!(|r| r.hooks.clone()),
        &column!(|r| r.created_at),
    )
    .execute(db)
    .await?;
    Ok(())
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
            azure_organization, account_id, access_token, former_organization_id, ca_certificate, hooks
        FROM hook_removals WHERE id = $1"#,
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
        former_organization: row.former_organization_id.map(Into::into),
        ca_certificate: row.ca_certificate,
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
