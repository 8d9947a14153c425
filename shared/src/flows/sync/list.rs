//! The runs of a connection.

use crate::authz::Permit;
use crate::domain::ids::{ConnectionId, SyncRunId};
use crate::domain::page::{MAX_COUNT, Page, PageRequest, Start};
use crate::domain::sync::SyncRun;
use crate::flows::connections::find;
use crate::flows::{Context, Error};
use crate::store::sync_runs;

/// A page of runs, newest first.
///
/// # Errors
/// [`Error::NotFound`] where there is no such connection.
pub async fn list(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    request: &PageRequest<SyncRunId>,
) -> Result<Page<SyncRun>, Error> {
    let connection = find(context, permit, connection).await?;
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let (below, offset) = match request.start {
        Start::Offset(offset) => (None, i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::After(id) => (Some(id), 0),
        Start::Before(_) => (None, 0),
    };
    let limit = i64::from(request.per_page) + 1;
    let mut items = sync_runs::list(&mut *tx, connection.id, below, offset, limit).await?;
    let counted = sync_runs::count(&mut *tx, connection.id).await?;
    let has_next = items.len() > request.per_page as usize;
    items.truncate(request.per_page as usize);
    Ok(Page {
        items,
        total: (counted <= MAX_COUNT).then_some(counted),
        has_next,
        has_prev: below.is_some() || offset > 0,
    })
}
