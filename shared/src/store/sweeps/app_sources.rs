//! Apps that deliver, of all organizations, and their connections.

use crate::domain::ids::{ConnectionId, OrganizationId, ProviderConfigId};
use crate::store::connect::SystemExecutor;
use crate::store::error::StoreError;

/// Registrations of Apps that have a webhook secret, behind `after`, at most `limit`.
///
/// # Errors
/// As every statement.
pub async fn delivering_apps(
    db: &SystemExecutor,
    after: ProviderConfigId,
    limit: i64,
) -> Result<Vec<(OrganizationId, ProviderConfigId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM provider_configs \
         WHERE verifies_webhooks AND id > $1 ORDER BY id LIMIT $2",
        after.0,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}

/// Connections by installations of an App, of one organization or of all, behind `after`, at most
/// `limit`.
///
/// # Errors
/// As every statement.
pub async fn connections_of_app(
    db: &SystemExecutor,
    app: i64,
    organization: Option<OrganizationId>,
    after: ConnectionId,
    limit: i64,
) -> Result<Vec<(OrganizationId, ConnectionId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT organization_id, id FROM connections WHERE auth_method = 'github_app' \
            AND github_app_id = $1 AND ($2::uuid IS NULL OR organization_id = $2) AND id > $3 \
            AND is_active ORDER BY id LIMIT $4",
        app,
        organization.map(|id| id.0),
        after.0,
        limit
    )
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.id.into()))
        .collect())
}
