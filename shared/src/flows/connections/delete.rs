//! Deleting a connection: only when nothing depends on it, or with force.

use super::find_own;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::flows::audit::{self, Change};
use crate::flows::webhooks::prepare_removal;
use crate::flows::{Context, Dependant, Error};
use crate::queue::enqueue;
use crate::store::{
    TenantTx, connected_repositories, connections, counters, jobs, lookups, repositories,
};

/// Deletes a connection with its credential, repositories and runs; its jobs are cancelled, its
/// activity stays. Hooks that it has at the provider are taken away by a job.
///
/// # Errors
/// [`Error::Conflict`] `connection_in_use` where connected repositories depend on it and `force`
/// is not set; [`Error::NotFound`].
pub async fn delete(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    force: bool,
) -> Result<(), Error> {
    find_own(context, permit, id).await?;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let connection = connections::get_for_delete(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    if !force {
        let (count, dependants) = if permit.organization().is_platform() {
            (
                lookups::users_of_shared(&context.db.system(), id).await?,
                Vec::new(),
            )
        } else {
            dependants(&mut tx, id).await?
        };
        if count > 0 {
            return Err(in_use(count, dependants));
        }
    }
    let now = context.clock.now();
    let removal = prepare_removal(context, permit, &mut tx, &[id]).await?;
    jobs::cancel_of_connections(&mut *tx, permit.organization(), &[id], now).await?;
    connections::delete(&mut *tx, id).await?;
    forget(&mut tx, &connection).await?;
    let change = Change::new(
        Event::GitConnectionDeleted,
        "connection",
        id,
        Some(&connection.name),
    )
    .with("deleter_id", permit.actor().id.map(|id| id.to_string()))
    .with("connection_name", connection.name.as_str());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &removal).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

async fn forget(tx: &mut TenantTx, connection: &Connection) -> Result<(), Error> {
    let active = i64::from(connection.is_active);
    counters::move_connections(&mut **tx, connection.organization_id, -1, -active).await?;
    if connection.allow_org_usage {
        counters::move_shared(&mut **tx, -1, -active).await?;
    }
    repositories::move_total(
        &mut **tx,
        connection.organization_id,
        -connection.repository_count,
    )
    .await?;
    Ok(())
}

/// How many connected repositories there are, and the first 20.
async fn dependants(tx: &mut TenantTx, id: ConnectionId) -> Result<(i64, Vec<Dependant>), Error> {
    let count = connected_repositories::count(&mut **tx, Some(id)).await?;
    if count == 0 {
        return Ok((0, Vec::new()));
    }
    let first = connected_repositories::first(&mut **tx, id, 20).await?;
    let dependants = first.into_iter().map(|repository| Dependant {
        kind: "connected_repository",
        id: repository.id.0,
        name: repository.full_name,
    });
    Ok((count, dependants.collect()))
}

fn in_use(count: i64, dependants: Vec<Dependant>) -> Error {
    let depend = if count == 1 {
        "repository depends"
    } else {
        "repositories depend"
    };
    Error::InUse {
        message: format!(
            "{count} connected {depend} on this connection. Disconnect them first, or repeat with force=true to remove them too."
        ),
        dependants,
    }
}
