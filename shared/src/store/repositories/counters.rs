//! How many repositories a connection and a tenant have.

use sqlx::{PgConnection, PgExecutor};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::store::error::StoreError;

/// Moves the counters of a connection and of its tenant: the last statement of a transaction,
/// since every connection of the tenant shares the second one.
///
/// # Errors
/// As every statement.
pub async fn move_counters(
    db: &mut PgConnection,
    organization: OrganizationId,
    connection: ConnectionId,
    by: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH moved AS (UPDATE connections SET repository_count = repository_count + $2 WHERE id = $1) \
         INSERT INTO organization_counters AS k (organization_id, repositories) \
         VALUES ($3, GREATEST($2::int8, 0)) \
         ON CONFLICT (organization_id) DO UPDATE SET repositories = k.repositories + $2",
        connection.0,
        by,
        organization.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves the tenant's counter alone: where a connection goes with all it had.
///
/// # Errors
/// As every statement.
pub async fn move_total(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    by: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO organization_counters AS k (organization_id, repositories) \
         VALUES ($1, GREATEST($2::int8, 0)) \
         ON CONFLICT (organization_id) DO UPDATE SET repositories = k.repositories + $2",
        organization.0,
        i64::from(by)
    )
    .execute(db)
    .await?;
    Ok(())
}
