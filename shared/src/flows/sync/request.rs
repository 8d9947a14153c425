//! Asking for a sync. The button, the schedule and a new connection all come through here.

use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::job::{Job, Priority};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::sync::SyncTrigger;
use crate::flows::connections::find_own;
use crate::flows::{Context, Error};
use crate::queue::catalogue::SyncConnection;
use crate::queue::{NewJob, enqueue};
use crate::store::jobs;

/// The job that syncs a connection. One per connection: a repeat gives the standing one. Triggers
/// that tell of a change make a running one run again; a person only wants to see it run.
#[must_use]
pub fn job(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    trigger: SyncTrigger,
    full: bool,
) -> NewJob {
    let payload = SyncConnection {
        connection_id: connection.id,
        trigger,
        full,
    };
    let job = NewJob::new(&payload, connection.organization_id, context.clock.now())
        .connection(connection.id)
        .dedupe_key(connection.id.to_string())
        .requested_by(permit.actor().clone());
    match trigger {
        SyncTrigger::Manual | SyncTrigger::Created => {
            job.priority(Priority::Interactive).rerun_on_repeat(false)
        }
        SyncTrigger::Webhook | SyncTrigger::Reconnected => job.rerun_on_repeat(true),
        SyncTrigger::Scheduled => job,
    }
}

/// Asks for a sync of a connection; the job that does it.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `connection_inactive` or `connection_disconnected`
/// where nothing would come of it.
pub async fn request(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    full: bool,
) -> Result<Job, Error> {
    let connection = find_own(context, permit, id).await?;
    if !connection.is_active {
        return Err(Error::Conflict {
            code: "connection_inactive",
            message: "This connection is switched off. Set is_active to true first.".to_owned(),
        });
    }
    if connection.status == ConnectionStatus::Disconnected {
        return Err(Error::Conflict {
            code: "connection_disconnected",
            message: "This connection was disconnected. Connect again first.".to_owned(),
        });
    }
    let mut tx = context.db.tenant(permit.organization()).await?;
    let new = job(context, permit, &connection, SyncTrigger::Manual, full);
    let enqueued = enqueue(&mut tx, &[new]).await?;
    let first = enqueued
        .first()
        .ok_or_else(|| Error::Internal("no job was enqueued".to_owned()))?;
    let job = jobs::get(&mut *tx, permit.organization(), first.job_id)
        .await?
        .ok_or_else(|| Error::Internal("the enqueued job is gone".to_owned()))?;
    tx.commit().await?;
    context.doorbell.ring([first.lane]);
    Ok(job)
}
