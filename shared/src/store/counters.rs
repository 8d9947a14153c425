//! Totals of unfiltered lists, moved in the transaction of the change.

use sqlx::PgExecutor;

use super::error::StoreError;
use crate::domain::ids::OrganizationId;

/// Totals of the connections that an organization sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionTotals {
    /// Its own.
    pub own: i64,
    /// Its own that people want used.
    pub own_active: i64,
    /// The platform's that every organization may use.
    pub shared: i64,
    /// Of these, active.
    pub shared_active: i64,
}

/// The totals, by two primary keys.
///
/// # Errors
/// As every statement.
pub async fn connections(db: impl PgExecutor<'_>) -> Result<ConnectionTotals, StoreError> {
    let row = sqlx::query!(
        r#"SELECT s.connections AS shared, s.active_connections AS shared_active,
            k.connections AS "own?", k.active_connections AS "own_active?"
         FROM shared_connection_counter s LEFT JOIN organization_counters k ON true"#
    )
    .fetch_one(db)
    .await?;
    Ok(ConnectionTotals {
        own: row.own.unwrap_or(0),
        own_active: row.own_active.unwrap_or(0),
        shared: row.shared,
        shared_active: row.shared_active,
    })
}

/// Moves the totals of the transaction's organization.
///
/// # Errors
/// As every statement.
pub async fn move_connections(
    db: impl PgExecutor<'_>,
    organization: OrganizationId,
    all: i64,
    active: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO organization_counters AS k (organization_id, connections, active_connections) \
         VALUES ($1, GREATEST($2::int8, 0), GREATEST($3::int8, 0)) \
         ON CONFLICT (organization_id) DO UPDATE SET connections = k.connections + $2, \
            active_connections = k.active_connections + $3",
        organization.0,
        all,
        active,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves the totals of shared connections.
///
/// # Errors
/// As every statement.
pub async fn move_shared(db: impl PgExecutor<'_>, all: i64, active: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE shared_connection_counter SET connections = connections + $1, \
            active_connections = active_connections + $2",
        all,
        active,
    )
    .execute(db)
    .await?;
    Ok(())
}
