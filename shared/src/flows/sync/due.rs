//! Syncs whose turn has come by the clock (`MOORING_SYNC_INTERVAL`): what the sweep calls.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::sync::SyncTrigger;
use crate::flows::{Context, Error, turns};
use crate::queue::NewJob;
use crate::queue::catalogue::SyncConnection;
use crate::store::sweeps::TurnKind;

/// Enqueues the syncs whose turn has come; how many were new.
///
/// # Errors
/// Where the database does not answer: what was not committed is still due.
pub async fn due(context: &Context) -> Result<usize, Error> {
    turns::take(context, TurnKind::Sync, context.turns.sync, job).await
}

/// A scheduled sync. The one that stands, where one stands: that will do.
fn job(organization: OrganizationId, connection: ConnectionId, now: DateTime<Utc>) -> NewJob {
    let payload = SyncConnection {
        connection_id: connection,
        trigger: SyncTrigger::Scheduled,
        full: false,
    };
    NewJob::new(&payload, organization, now)
        .connection(connection)
        .dedupe_key(connection.to_string())
        .rerun_on_repeat(false)
}
