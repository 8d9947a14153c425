//! `oauth_states`: flows whose browser is away, each used once.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::OauthStateId;
use crate::domain::oauth_state::{OauthState, StatePurpose};
use crate::domain::provider::ProviderKind;

/// A state with its verifier, sealed.
#[derive(Clone, Debug)]
pub struct StoredState {
    /// Everything else.
    pub state: OauthState,
    /// The PKCE verifier; `None` where the flow has none.
    pub verifier: Option<Vec<u8>>,
}

/// A row as selected.
struct Row {
    organization_id: Uuid,
    id: Uuid,
    purpose: StatePurpose,
    provider: ProviderKind,
    base_url: String,
    provider_config_id: Option<Uuid>,
    client_id: Option<String>,
    redirect_uri: String,
    verifier: Option<Vec<u8>>,
    redirect_url: Option<String>,
    cookie_sha256: Vec<u8>,
    cookie_required: bool,
    connection_id: Option<Uuid>,
    github_app_id: Option<i64>,
    github_app_installation_id: Option<i64>,
    actor_id: Option<Uuid>,
    actor_type: ActorType,
    actor_name: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
}

impl From<Row> for StoredState {
    fn from(row: Row) -> Self {
        Self {
            verifier: row.verifier,
            state: OauthState {
                id: row.id.into(),
                organization_id: row.organization_id.into(),
                purpose: row.purpose,
                provider: row.provider,
                base_url: row.base_url,
                provider_config_id: row.provider_config_id.map(Into::into),
                client_id: row.client_id,
                redirect_uri: row.redirect_uri,
                redirect_url: row.redirect_url,
                cookie_sha256: row.cookie_sha256,
                cookie_required: row.cookie_required,
                connection_id: row.connection_id.map(Into::into),
                github_app_id: row.github_app_id,
                github_app_installation_id: row.github_app_installation_id,
                actor: Actor {
                    id: row.actor_id,
                    kind: row.actor_type,
                    name: row.actor_name,
                },
                created_at: row.created_at,
                expires_at: row.expires_at,
                consumed_at: row.consumed_at,
            },
        }
    }
}

/// Stores a state.
///
/// # Errors
/// [`StoreError::Missing`] where the tenant is gone.
pub async fn insert(db: impl PgExecutor<'_>, stored: &StoredState) -> Result<(), StoreError> {
    let s = &stored.state;
    sqlx::query!(
        "INSERT INTO oauth_states (organization_id, id, purpose, provider, base_url, \
            provider_config_id, client_id, redirect_uri, verifier, redirect_url, cookie_sha256, \
            cookie_required, connection_id, actor_id, actor_type, actor_name, created_at, \
            expires_at, github_app_id, github_app_installation_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
            $19, $20)",
        s.organization_id.0,
        s.id.0,
        s.purpose.as_str(),
        s.provider.as_str(),
        s.base_url,
        s.provider_config_id.map(|id| id.0),
        s.client_id,
        s.redirect_uri,
        stored.verifier,
        s.redirect_url,
        s.cookie_sha256,
        s.cookie_required,
        s.connection_id.map(|id| id.0),
        s.actor.id,
        s.actor.kind.as_str(),
        s.actor.name,
        s.created_at,
        s.expires_at,
        s.github_app_id,
        s.github_app_installation_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The state of this id.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: OauthStateId,
) -> Result<Option<StoredState>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT organization_id, id, purpose AS "purpose: _", provider AS "provider: _",
            base_url, provider_config_id, client_id, redirect_uri, verifier, redirect_url,
            cookie_sha256, cookie_required, connection_id, github_app_id,
            github_app_installation_id, actor_id,
            actor_type AS "actor_type: _", actor_name, created_at, expires_at, consumed_at
        FROM oauth_states WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// Uses a state up; false where somebody else did, or it has ended.
///
/// # Errors
/// As every statement.
pub async fn consume(
    db: impl PgExecutor<'_>,
    id: OauthStateId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE oauth_states SET consumed_at = $2, verifier = NULL \
         WHERE id = $1 AND consumed_at IS NULL AND expires_at > $2",
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
