//! Deleting a connection: only when nothing depends on it, or with force.

use super::find_own;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::{connected_repositories, connections, counters, jobs, lookups, repositories};

/// Deletes a connection with its credential, repositories and runs; its jobs are cancelled, its
/// activity stays.
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
        let dependants = if permit.organization().is_platform() {
            lookups::users_of_shared(&context.db.system(), id).await?
        } else {
            connected_repositories::count(&mut *tx, Some(id)).await?
        };
        if dependants > 0 {
            return Err(in_use(dependants));
        }
    }
    let now = context.clock.now();
    jobs::cancel_of_connection(&mut *tx, permit.organization(), id, now).await?;
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
    tx.commit().await?;
    Ok(())
}

async fn forget(tx: &mut crate::store::TenantTx, connection: &Connection) -> Result<(), Error> {
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

fn in_use(dependants: i64) -> Error {
    Error::Conflict {
        code: "connection_in_use",
        message: format!(
            "{dependants} connected {} on this connection. Disconnect them first, or repeat with force=true to remove them too.",
            if dependants == 1 {
                "repository depends"
            } else {
                "repositories depend"
            }
        ),
    }
}
