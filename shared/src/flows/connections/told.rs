//! What a provider tells of a connection by itself (a webhook), written down in the caller's
//! transaction.

use super::judge;
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync};
use crate::providers::{ErrorClass, ProviderError};
use crate::queue::NewJob;
use crate::queue::catalogue::ValidateConnection;
use crate::store::{TenantTx, connections};

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The installation is suspended.
    Suspended,
    /// The suspension was lifted.
    Unsuspended,
    /// The installation is gone.
    Uninstalled,
    /// The person took the grant back.
    Revoked,
}

/// Takes over what a provider told of a connection that the transaction has locked; the jobs that
/// follow.
///
/// # Errors
/// As every statement.
pub async fn told(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    mut connection: Connection,
    told: Told,
) -> Result<Vec<NewJob>, Error> {
    let now = context.clock.now();
    let before = connection.status;
    let class = match told {
        Told::Suspended => ErrorClass::Suspended,
        Told::Uninstalled => ErrorClass::Uninstalled,
        Told::Revoked => ErrorClass::Unauthorized,
        Told::Unsuspended => {
            // Whatever else may be wrong with it, the provider is asked.
            return Ok(vec![check(context, permit, &connection)]);
        }
    };
    let error = ProviderError {
        class,
        status: None,
        detail: "told by a webhook".to_owned(),
        retry_at: None,
        action_url: None,
    };
    judge::refuse(&mut connection, &error, "", now);
    if told == Told::Revoked && connection.status.may_become(ConnectionStatus::Revoked) {
        connection.status = ConnectionStatus::Revoked;
        connection.set_health(HealthCode::ReauthRequired, now);
    }
    connections::record_validation(&mut **tx, &connection).await?;
    if connection.status != before {
        let change = Change::of_status(&connection, before);
        audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    }
    Ok(Vec::new())
}

/// A job that asks the provider now: for what was told and may be over already.
#[must_use]
pub fn check(context: &Context, permit: &Permit, connection: &Connection) -> NewJob {
    let payload = ValidateConnection {
        connection_id: connection.id,
    };
    NewJob::new(&payload, connection.organization_id, context.clock.now())
        .connection(connection.id)
        .dedupe_key(connection.id.to_string())
        .requested_by(permit.actor().clone())
        .rerun_on_repeat(true)
}

/// A job that lists the connection's repositories, since something changed that a listing shows.
#[must_use]
pub fn relist(context: &Context, permit: &Permit, connection: &Connection) -> NewJob {
    sync::job(context, permit, connection, SyncTrigger::Webhook, false)
}
