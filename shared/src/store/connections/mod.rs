//! `connections`: the public face of each connection.

mod events;
mod installation;
mod list;
mod renewable;
mod renewal;
mod row;
mod write;

use sqlx::PgExecutor;

use row::select;

use super::error::StoreError;
use crate::domain::connection::{Connection, Usable};
use crate::domain::health::HealthCode;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::provider::ProviderKind;

pub use events::{KnownAsOf, known_as_of, note_installation_event};
pub use installation::{Installed, bind, lock_installation, of_installation};
pub use list::{ListFilter, Stretch, list, list_at_once, list_shared};
pub use renewable::{Renewable, renewable};
pub use renewal::record_renewal;
pub use write::{
    Patch, delete, delete_many, insert, note_refresh_end, patch, record_use, record_validation,
    set_health,
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

/// The health of a connection, which is locked as by [`get_for_update`]; `None` where it is gone.
///
/// # Errors
/// As every statement.
pub async fn lock_health(
    db: impl PgExecutor<'_>,
    id: ConnectionId,
) -> Result<Option<HealthCode>, StoreError> {
    let health = sqlx::query_scalar!(
        r#"SELECT health_code AS "health_code: _" FROM connections WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(health)
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

/// Locks an account of the transaction's tenant until the transaction ends, whether a connection
/// of it is there or not: of two grants of one account the second one sees what the first one made.
///
/// # Errors
/// As every statement.
pub async fn lock_account(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
    account: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(10), \
            current_setting('mooring.organization', true), $1::text, $2::text, $3::text), 7))",
        provider.as_str(),
        base_url,
        account
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The connection by OAuth of an account at an instance, locked until the transaction ends; the
/// oldest where there are several (some were pasted).
///
/// # Errors
/// As every statement.
pub async fn of_account(
    db: impl PgExecutor<'_>,
    provider: ProviderKind,
    base_url: &str,
    account: &str,
) -> Result<Option<Connection>, StoreError> {
    let row = select!(
        "FROM connections c WHERE c.provider = $1 AND c.base_url = $2 AND c.account_id = $3 \
            AND c.auth_method = 'oauth' ORDER BY c.id LIMIT 1 FOR NO KEY UPDATE",
        provider.as_str(),
        base_url,
        account
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// The tenant's connections that people want used, newest first, at most `limit`; only those that
/// every organization may use where `shared`.
///
/// # Errors
/// As every statement.
pub async fn usable(
    db: impl PgExecutor<'_>,
    shared: bool,
    limit: i64,
) -> Result<Vec<Usable>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.organization_id, o.name AS organization_name,
            c.provider AS "provider: ProviderKind", COALESCE(c.username, c.account_login) AS username,
            c.name, c.status AS "status: ConnectionStatus"
        FROM connections c JOIN organizations o ON o.id = c.organization_id
        WHERE c.is_active AND (c.allow_org_usage OR NOT $1::bool) ORDER BY c.id DESC LIMIT $2"#,
        shared,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let organization_id = OrganizationId(row.organization_id);
            Usable {
                id: row.id.into(),
                organization_id,
                organization_name: organization_id.shown().map(|_| row.organization_name),
                provider: row.provider,
                username: row.username,
                name: row.name,
                status: row.status,
            }
        })
        .collect())
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
