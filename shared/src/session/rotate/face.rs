//! What a rotation means for the connection's face.

use chrono::{DateTime, Utc};

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::rotation::RotationOutcome;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync};
use crate::queue::enqueue;
use crate::store::{TenantTx, connections};

/// The face, locked: before the credential, as everybody does.
pub(super) async fn lock(tx: &mut TenantTx, id: ConnectionId) -> Result<Option<Connection>, Error> {
    Ok(connections::get_for_update(&mut **tx, id).await?)
}

/// The successor is in place: what an end to come or a lost answer had made of the health is over.
pub(super) async fn rotated(
    context: &Context,
    tx: &mut TenantTx,
    permit: &Permit,
    mut connection: Connection,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    let now = context.clock.now();
    let before = connection.status;
    connection.token_expires_at = expires_at;
    connection.last_refreshed_at = Some(now);
    if connection.status.may_become(ConnectionStatus::Active) {
        connection.status = ConnectionStatus::Active;
        mend(&mut connection, now);
    }
    connections::record_renewal(&mut **tx, &connection).await?;
    let change = Change::of_connection(Event::GitConnectionRotated, &connection)
        .with("expires_at", expires_at.map(|at| at.to_rfc3339()));
    audit::record(tx, &context.vault, &context.clock, permit, change).await?;
    if connection.status != before {
        audit::record(
            tx,
            &context.vault,
            &context.clock,
            permit,
            Change::of_status(&connection, before),
        )
        .await?;
        let job = sync::job(
            context,
            permit,
            &connection,
            SyncTrigger::Reconnected,
            false,
        );
        enqueue(tx, &[job]).await?;
    }
    Ok(())
}

/// No successor came.
pub(super) async fn ended(
    context: &Context,
    tx: &mut TenantTx,
    permit: &Permit,
    mut connection: Connection,
    outcome: RotationOutcome,
) -> Result<(), Error> {
    let now = context.clock.now();
    let (before, code) = (connection.status, connection.health_code);
    let action = HealthCode::ReauthRequired.action();
    match outcome {
        RotationOutcome::Lost => end(
            &mut connection,
            ConnectionStatus::Expired,
            format!(
                "GitLab replaced the token by a new one, and the answer with the new one was lost. {action}"
            ),
            now,
        ),
        RotationOutcome::Refused => end(
            &mut connection,
            ConnectionStatus::Revoked,
            format!("GitLab no longer accepts the token, so it could not be rotated. {action}"),
            now,
        ),
        RotationOutcome::Unsupported => {
            connection.set_health(HealthCode::Expiring, now);
            connection.validation_error = Some(UNSUPPORTED.to_owned());
        }
        RotationOutcome::Unknown => connection.set_health(HealthCode::Uncertain, now),
        RotationOutcome::NotRotated if code == HealthCode::Uncertain => mend(&mut connection, now),
        _ => return Ok(()),
    }
    connections::record_renewal(&mut **tx, &connection).await?;
    if connection.status != before {
        audit::record(
            tx,
            &context.vault,
            &context.clock,
            permit,
            Change::of_status(&connection, before),
        )
        .await?;
    }
    Ok(())
}

/// What a person can do where a token cannot rotate itself.
const UNSUPPORTED: &str = "GitLab does not let this token rotate itself: only personal access tokens with the scope api or self_rotate can, and project and group tokens cannot. Make a new token at GitLab and paste it here before the date.";

fn end(connection: &mut Connection, status: ConnectionStatus, why: String, now: DateTime<Utc>) {
    // What a question meanwhile took for a revocation was the rotation's own doing.
    let replaced =
        status == ConnectionStatus::Expired && connection.status == ConnectionStatus::Revoked;
    if replaced || connection.status.may_become(status) {
        connection.status = status;
    }
    connection.validation_error = Some(why);
    connection.set_health(HealthCode::ReauthRequired, now);
}

fn mend(connection: &mut Connection, now: DateTime<Utc>) {
    let over = matches!(
        connection.health_code,
        HealthCode::Expiring
            | HealthCode::Uncertain
            | HealthCode::ReauthRequired
            | HealthCode::Unreachable
            | HealthCode::RateLimited
    );
    if over {
        connection.validation_error = None;
        connection.health_action_url = None;
        connection.set_health(HealthCode::Ok, now);
    }
}
