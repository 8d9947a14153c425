//! Enqueues what a connection's own state asks for: what the sweep for stranded work calls.
//!
//! Whoever changes a connection enqueues its job in the same transaction, so there is nothing to do
//! here unless that job was lost, failed for the last time, or was cancelled. The race with work that
//! ends at this moment: the state is read again here, and a job that still stands has the same key,
//! so that the repeat is that job.

use super::validate;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::sync::SyncTrigger;
use crate::flows::{Context, Error, sync};
use crate::queue::{NewJob, enqueue};
use crate::store::connections;

/// Enqueues the job that each of these connections of the permit's organization asks for, in one
/// transaction; how many were new. One that asks for nothing (any more) is passed by.
///
/// # Errors
/// Where the database does not answer.
pub async fn enqueue_wanted(
    context: &Context,
    permit: &Permit,
    ids: &[ConnectionId],
) -> Result<usize, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let mut jobs = Vec::with_capacity(ids.len());
    for id in ids {
        let found = connections::get(&mut *tx, *id).await?;
        jobs.extend(found.and_then(|found| wanted(context, permit, &found)));
    }
    let enqueued = enqueue(&mut tx, &jobs).await?;
    tx.commit().await?;
    let new = || enqueued.iter().filter(|job| !job.repeat);
    context.doorbell.ring(new().map(|job| job.lane));
    Ok(new().count())
}

/// The job that a connection's state asks for: `connections.wanted_since` in the same words.
fn wanted(context: &Context, permit: &Permit, connection: &Connection) -> Option<NewJob> {
    if !connection.is_active {
        return None;
    }
    let silent = matches!(
        connection.health_code,
        HealthCode::Unreachable | HealthCode::RateLimited
    );
    match connection.status {
        ConnectionStatus::Active if connection.last_synced_at.is_none() => {
            let trigger = SyncTrigger::Scheduled;
            Some(sync::job(context, permit, connection, trigger, false))
        }
        ConnectionStatus::Active | ConnectionStatus::Error if silent => {
            let job = validate::job(context, permit, connection);
            Some(job.run_at(context.clock.now()))
        }
        _ => None,
    }
}
