//! Disconnecting a repository: scanners may no longer touch it.

use super::connect::register;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::ConnectedRepositoryId;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::connected_repositories;

/// Disconnects a repository.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn disconnect(
    context: &Context,
    permit: &Permit,
    id: ConnectedRepositoryId,
) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let missing = || Error::NotFound("connected repository");
    let before = connected_repositories::get(&mut *tx, id)
        .await?
        .ok_or_else(missing)?;
    if !connected_repositories::delete(&mut *tx, id).await? {
        return Err(missing());
    }
    let change = Change::new(
        Event::ConnectedRepositoryDeleted,
        "connected_repository",
        id,
        Some(&before.full_name),
    )
    .with("connection_id", before.connection_id.to_string());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = register(context, permit, &mut tx, before.connection_id).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}
