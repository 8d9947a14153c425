//! Validations whose turn has come by the clock (`MOORING_VALIDATION_INTERVAL`): what the sweep calls.
//!
//! Only what works is looked at: a credential that was refused is parked, and looked at again when a
//! person asks or pastes another.

use chrono::{DateTime, Utc};

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::flows::{Context, Error, turns};
use crate::queue::NewJob;
use crate::queue::catalogue::ValidateConnection;
use crate::store::sweeps::TurnKind;

/// Enqueues the validations whose turn has come; how many were new.
///
/// # Errors
/// Where the database does not answer: what was not committed is still due.
pub async fn validate_due(context: &Context) -> Result<usize, Error> {
    let interval = context.turns.validation;
    turns::take(context, TurnKind::Validation, interval, job).await
}

fn job(organization: OrganizationId, connection: ConnectionId, now: DateTime<Utc>) -> NewJob {
    let payload = ValidateConnection {
        connection_id: connection,
    };
    NewJob::new(&payload, organization, now)
        .connection(connection)
        .dedupe_key(connection.to_string())
        .rerun_on_repeat(false)
}
