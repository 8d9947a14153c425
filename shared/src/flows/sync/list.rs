//! The runs of a connection.

use crate::authz::Permit;
use crate::domain::ids::{ConnectionId, SyncRunId};
use crate::domain::page::{Page, PageRequest, bounded};
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
    let rows = sync_runs::list(&mut *tx, connection.id, request).await?;
    let counted = sync_runs::count(&mut *tx, connection.id).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
