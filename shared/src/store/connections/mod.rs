//! `connections`: the public face of each connection.

mod list;
mod row;
mod write;

use sqlx::PgExecutor;

use row::select;

use super::error::StoreError;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::provider::ProviderKind;

pub use list::{ListFilter, Stretch, list, list_at_once, list_shared};
pub use write::{
    Patch, delete, delete_many, insert, patch, record_use, record_validation, set_health,
};

/// One connection; `None` where the tenant has none of this id.
///
/// # Errors
/// As every statement.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let row = select!("FROM connections c WHERE c.id = $1", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// One connection, locked until the transaction ends: for changes that depend on what it is.
///
/// # Errors
/// As every statement.
pub async fn get_for_update(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let row = select!("FROM connections c WHERE c.id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// One connection, locked against everything, what points at it included: for its deletion.
///
/// # Errors
/// As every statement.
pub async fn get_for_delete(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let row = select!("FROM connections c WHERE c.id = $1 FOR UPDATE", id.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Into::into))
}

/// The connections at an instance that hang on a registration (by OAuth, by App), locked as
/// [`get_for_delete`] locks one, in the order of their ids.
///
/// # Errors
/// As every statement.
pub async fn granted_for_delete(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
) -> Result<Vec<Connection>, StoreError> {
    let rows = select!(
        "FROM connections c WHERE c.provider = $1 AND c.base_url = $2 \
            AND c.auth_method IN ('oauth', 'github_app') ORDER BY c.id FOR UPDATE",
        provider.as_str(),
        base_url
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Locks every connection of the transaction's tenant, as [`get_for_delete`] does one: for the end
/// of the tenant, whose cascade would take their rows after those that hang on them.
///
/// # Errors
/// As every statement.
pub async fn lock_all(db: impl PgExecutor<'_>) -> Result<(), StoreError> {
    sqlx::query!("SELECT id FROM connections ORDER BY id FOR UPDATE")
        .fetch_all(db)
        .await?;
    Ok(())
}
