//! Connections by their installation of a GitHub App.

use sqlx::PgExecutor;

use super::row::select;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::store::error::StoreError;

/// Which installation. The numbers are an instance's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed<'a> {
    /// The instance's root, no trailing slash.
    pub base_url: &'a str,
    /// The App.
    pub app: i64,
    /// The installation of it.
    pub installation: i64,
}

/// Locks an installation within the transaction's tenant until the transaction ends, whether a
/// connection of it is there or not: of two that bind it the second one sees what the first one made.
///
/// # Errors
/// As every statement.
pub async fn lock_installation(
    db: impl PgExecutor<'_>,
    which: Installed<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(10), \
            current_setting('mooring.organization', true), $1::text, $2::bigint, $3::bigint), 8))",
        which.base_url,
        which.app,
        which.installation
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The connection of an installation, locked until the transaction ends. Where there is none, the one
/// of an earlier installation at the same account, which was uninstalled: it is the account's way in.
///
/// # Errors
/// As every statement.
pub async fn of_installation(
    db: impl PgExecutor<'_>,
    which: Installed<'_>,
    account: Option<&str>,
) -> Result<Option<Connection>, StoreError> {
    let row = select!(
        "FROM connections c WHERE c.auth_method = 'github_app' AND c.base_url = $1 \
            AND c.github_app_id = $2 AND (c.github_app_installation_id = $3 \
                OR (c.account_id = $4 AND c.health_code = 'uninstalled')) \
         ORDER BY c.github_app_installation_id = $3 DESC, c.id LIMIT 1 FOR NO KEY UPDATE",
        which.base_url,
        which.app,
        which.installation,
        account
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// Binds a connection to another installation of its App: the account has installed it anew.
///
/// # Errors
/// [`StoreError::Conflict`] where another connection of the tenant has it.
pub async fn bind(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
    installation: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET github_app_installation_id = $2 WHERE id = $1",
        id.0,
        installation
    )
    .execute(db)
    .await?;
    Ok(())
}
