//! `api_tokens`: for programs; the secret itself is never stored.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::StoreError;
use crate::domain::ids::{ApiTokenId, OrganizationId};
use crate::domain::organization::ApiToken;
use crate::domain::page::{PageRequest, Start};

/// Stores a token by the SHA-256 of its secret.
///
/// # Errors
/// As every statement.
pub async fn insert(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    token: &ApiToken,
    secret_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO api_tokens (organization_id, id, name, prefix, secret_sha256, permissions, \
            expires_at, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        organization.0,
        token.id.0,
        token.name,
        token.prefix,
        secret_sha256.as_slice(),
        &token.permissions,
        token.expires_at,
        token.created_by.map(|id| id.0),
        token.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What [`list`] selects.
struct Row {
    organization_id: Uuid,
    id: Uuid,
    name: String,
    prefix: String,
    permissions: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<Row> for ApiToken {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            organization_id: OrganizationId(row.organization_id).shown(),
            name: row.name,
            permissions: row.permissions,
            prefix: row.prefix,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            created_by: row.created_by.map(Into::into),
            created_at: row.created_at,
        }
    }
}

/// A page of tokens, newest first; see [`Page::cut`](crate::domain::page::Page::cut) for its order.
///
/// # Errors
/// As every statement.
pub async fn list(
    db: impl PgExecutor<'_>,
    request: &PageRequest<ApiTokenId>,
) -> Result<Vec<ApiToken>, StoreError> {
    let below = match request.start {
        Start::Offset(_) => Uuid::max(),
        Start::After(id) => id.0,
        Start::Before(id) => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT organization_id, id, name, prefix, permissions, expires_at, last_used_at, \
                    created_by, created_at \
                 FROM api_tokens WHERE id > $1 ORDER BY id LIMIT $2",
                id.0,
                request.limit()
            )
            .fetch_all(db)
            .await?;
            return Ok(rows.into_iter().map(Into::into).collect());
        }
    };
    let rows = sqlx::query_as!(
        Row,
        "SELECT organization_id, id, name, prefix, permissions, expires_at, last_used_at, \
            created_by, created_at \
         FROM api_tokens WHERE id < $1 ORDER BY id DESC OFFSET $2 LIMIT $3",
        below,
        request.offset(),
        request.limit()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many tokens there are, counted up to 10,000.
///
/// # Errors
/// As every statement.
pub async fn count(db: impl PgExecutor<'_>) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM (SELECT FROM api_tokens LIMIT 10001) bounded"#
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Deletes a token; its name where it was there.
///
/// # Errors
/// As every statement.
pub async fn delete(db: impl PgExecutor<'_>, id: ApiTokenId) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar!("DELETE FROM api_tokens WHERE id = $1 RETURNING name", id.0)
        .fetch_optional(db)
        .await?;
    Ok(name)
}
