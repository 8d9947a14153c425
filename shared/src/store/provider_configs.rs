//! `provider_configs`: registrations at providers, one per instance; secrets sealed.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::ProviderConfigId;
use crate::domain::page::{PageRequest, Start};
use crate::domain::provider::ProviderKind;
use crate::domain::provider_config::{ProviderConfig, StoredSecrets};

/// A registration with its secrets, sealed.
#[derive(Clone, Debug)]
pub struct StoredConfig {
    /// Everything else; its `secrets` follow from those below.
    pub config: ProviderConfig,
    /// The OAuth app's secret.
    pub client_secret: Option<Vec<u8>>,
    /// The GitHub App's private key.
    pub github_app_private_key: Option<Vec<u8>>,
    /// The GitHub App's webhook secret.
    pub webhook_secret: Option<Vec<u8>>,
}

/// A row as selected.
struct Row {
    organization_id: Uuid,
    id: Uuid,
    provider: ProviderKind,
    base_url: String,
    client_id: Option<String>,
    client_secret: Option<Vec<u8>>,
    client_secret_expires_at: Option<DateTime<Utc>>,
    scopes: Option<Vec<String>>,
    github_app_id: Option<i64>,
    github_app_slug: Option<String>,
    github_app_private_key: Option<Vec<u8>>,
    webhook_secret: Option<Vec<u8>>,
    ca_certificate: Option<String>,
    configured_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for StoredConfig {
    fn from(row: Row) -> Self {
        let secrets = StoredSecrets {
            client_secret: row.client_secret.is_some(),
            github_app_private_key: row.github_app_private_key.is_some(),
            webhook_secret: row.webhook_secret.is_some(),
        };
        Self {
            config: ProviderConfig {
                id: row.id.into(),
                organization_id: row.organization_id.into(),
                provider: row.provider,
                base_url: row.base_url,
                client_id: row.client_id,
                client_secret_expires_at: row.client_secret_expires_at,
                scopes: row.scopes,
                github_app_id: row.github_app_id,
                github_app_slug: row.github_app_slug,
                ca_certificate: row.ca_certificate,
                secrets,
                configured_by: row.configured_by.map(Into::into),
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            client_secret: row.client_secret,
            github_app_private_key: row.github_app_private_key,
            webhook_secret: row.webhook_secret,
        }
    }
}

/// `SELECT` of every column of [`Row`] from `provider_configs`, followed by the given tail.
macro_rules! select {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT organization_id, id, provider AS "provider: _", base_url, client_id,
                client_secret, client_secret_expires_at, scopes, github_app_id, github_app_slug,
                github_app_private_key, webhook_secret, ca_certificate, configured_by, created_at,
                updated_at FROM provider_configs "# + $tail
            $(, $argument)*
        )
    };
}

/// The registration of this id.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: ProviderConfigId,
) -> Result<Option<StoredConfig>, StoreError> {
    let row = select!("WHERE id = $1", id.0).fetch_optional(db).await?;
    Ok(row.map(Into::into))
}

/// The registration at an instance.
///
/// # Errors
/// As every statement.
pub async fn at_instance(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
) -> Result<Option<StoredConfig>, StoreError> {
    let row = select!(
        "WHERE provider = $1 AND base_url = $2",
        provider.as_str(),
        base_url
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// The certificates of an instance's own authority, where the tenant has named them.
///
/// # Errors
/// As every statement.
pub async fn certificate(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
) -> Result<Option<String>, StoreError> {
    let pem = sqlx::query_scalar!(
        "SELECT ca_certificate FROM provider_configs WHERE provider = $1 AND base_url = $2",
        provider.as_str(),
        base_url
    )
    .fetch_optional(db)
    .await?;
    Ok(pem.flatten())
}

/// The registration at an instance, locked until the transaction ends.
///
/// # Errors
/// As every statement.
pub async fn at_instance_for_update(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
) -> Result<Option<StoredConfig>, StoreError> {
    let row = select!(
        "WHERE provider = $1 AND base_url = $2 FOR NO KEY UPDATE",
        provider.as_str(),
        base_url
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// The registration of this id, locked against everything: for its deletion.
///
/// # Errors
/// As every statement.
pub async fn get_for_delete(
    db: impl PgExecutor<'_>,
    id: ProviderConfigId,
) -> Result<Option<StoredConfig>, StoreError> {
    let row = select!("WHERE id = $1 FOR UPDATE", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// A page of registrations, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for
/// its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    request: &PageRequest<ProviderConfigId>,
) -> Result<Vec<ProviderConfig>, StoreError> {
    let below = match request.start {
        Start::Offset(_) => Uuid::max(),
        Start::After(id) => id.0,
        Start::Before(id) => {
            let rows = select!("WHERE id > $1 ORDER BY id LIMIT $2", id.0, request.limit())
                .fetch_all(db)
                .await?;
            return Ok(faces(rows));
        }
    };
    let rows = select!(
        "WHERE id < $1 ORDER BY id DESC OFFSET $2 LIMIT $3",
        below,
        request.offset(),
        request.limit()
    )
    .fetch_all(db)
    .await?;
    Ok(faces(rows))
}

fn faces(rows: Vec<Row>) -> Vec<ProviderConfig> {
    rows.into_iter()
        .map(|row| StoredConfig::from(row).config)
        .collect()
}

/// How many registrations there are, counted up to 10,000.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM provider_configs LIMIT 10001) bounded"#
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// The providers at which the transaction's tenant has an OAuth app, and those with a GitHub App.
///
/// # Errors
/// As every statement.
pub async fn registered(
    db: impl PgExecutor<'_>,
) -> Result<Vec<(ProviderKind, bool, bool)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT provider AS "provider: ProviderKind", bool_or(client_id IS NOT NULL) AS "oauth!",
            bool_or(github_app_id IS NOT NULL) AS "app!"
        FROM provider_configs GROUP BY provider"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.provider, row.oauth, row.app))
        .collect())
}

/// Stores a registration, or replaces the one of the same id.
///
/// # Errors
/// [`StoreError::Conflict`] where another one stands at that instance.
pub async fn put(db: impl PgExecutor<'_>, stored: &StoredConfig) -> Result<(), StoreError> {
    let c = &stored.config;
    sqlx::query!(
        "INSERT INTO provider_configs (organization_id, id, provider, base_url, client_id, \
            client_secret, client_secret_expires_at, scopes, github_app_id, github_app_slug, \
            github_app_private_key, webhook_secret, ca_certificate, configured_by, created_at, \
            updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (id) DO UPDATE SET client_id = $5, client_secret = $6, \
            client_secret_expires_at = $7, scopes = $8, github_app_id = $9, github_app_slug = $10, \
            github_app_private_key = $11, webhook_secret = $12, ca_certificate = $13, \
            configured_by = $14, updated_at = $16",
        c.organization_id.0,
        c.id.0,
        c.provider.as_str(),
        c.base_url,
        c.client_id,
        stored.client_secret,
        c.client_secret_expires_at,
        c.scopes.as_deref(),
        c.github_app_id,
        c.github_app_slug,
        stored.github_app_private_key,
        stored.webhook_secret,
        c.ca_certificate,
        c.configured_by.map(|id| id.0),
        c.created_at,
        c.updated_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a registration.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, id: ProviderConfigId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM provider_configs WHERE id = $1", id.0)
        .execute(db)
        .await?;
    Ok(())
}
