//! Reading connected repositories.

use crate::authz::Permit;
use crate::domain::ids::{ConnectedRepositoryId, ConnectionId};
use crate::domain::page::{MAX_COUNT, Page, PageRequest, Start};
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
    let (below, offset) = match request.start {
        Start::Offset(offset) => (None, i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (Some(id), 0),
        Start::Before(_) => (None, 0),
    };
    let limit = i64::from(request.per_page) + 1;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let mut items =
        connected_repositories::list(&mut *tx, connection, below, offset, limit).await?;
    let counted = connected_repositories::count(&mut *tx, connection).await?;
    let has_next = items.len() > request.per_page as usize;
    items.truncate(request.per_page as usize);
    Ok(Page {
        items,
        total: (counted <= MAX_COUNT).then_some(counted),
        has_next,
        has_prev: below.is_some() || offset > 0,
    })
}
