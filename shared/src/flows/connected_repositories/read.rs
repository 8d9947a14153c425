//! Reading connected repositories.

use crate::authz::Permit;
use crate::domain::ids::{ConnectedRepositoryId, ConnectionId};
use crate::domain::page::{Page, PageRequest, bounded};
use crate::domain::repository::ConnectedRepository;
use crate::flows::{Context, Error};
use crate::store::connected_repositories;

/// One connected repository.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(
    context: &Context,
    permit: &Permit,
    id: ConnectedRepositoryId,
) -> Result<ConnectedRepository, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    connected_repositories::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connected repository"))
}

/// A page of connected repositories, newest first, of one connection or of all.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    connection: Option<ConnectionId>,
    request: &PageRequest<ConnectedRepositoryId>,
) -> Result<Page<ConnectedRepository>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = connected_repositories::list(&mut *tx, connection, request).await?;
    let counted = connected_repositories::count(&mut *tx, connection).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
