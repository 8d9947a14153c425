//! Finding a connection: one's own, or a shared one of the platform.

use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::flows::{Context, Error};
use crate::store::connections;

/// A connection that the permit's organization may read or use.
///
/// # Errors
/// [`Error::NotFound`] where there is none, it is another tenant's, or it is not shared.
pub async fn find(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Connection, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    if let Some(own) = connections::get(&mut *tx, id).await? {
        return Ok(own);
    }
    drop(tx);
    shared(context, permit, id)
        .await?
        .ok_or(Error::NotFound("connection"))
}

/// A connection of the permit's own organization: what may be changed.
///
/// # Errors
/// [`Error::Forbidden`] for a shared connection, [`Error::NotFound`] as [`find`].
pub async fn find_own(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Connection, Error> {
    let connection = find(context, permit, id).await?;
    if connection.organization_id == permit.organization() {
        Ok(connection)
    } else {
        let denied = permit.permission().map(Error::PermissionDenied);
        Err(denied.unwrap_or(Error::NotFound("connection")))
    }
}

/// By a second query under the platform's setting that demands the flag, never by an OR in the
/// policy.
async fn shared(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Option<Connection>, Error> {
    if permit.organization().is_platform() {
        return Ok(None);
    }
    let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
    let found = connections::get(&mut *tx, id).await?;
    Ok(found.filter(|connection| connection.allow_org_usage))
}
