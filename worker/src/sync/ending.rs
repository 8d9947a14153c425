//! The end of a run: removals where it saw everything, none where it did not.
//!
//! Every end first locks the connection, as a page and a deletion do, so that none of them waits
//! for another in a circle; then the run itself, to be sure that it is still in these hands.

use shared::domain::health::HealthCode;
use shared::domain::sync::{IncompleteReason, SyncRun, SyncStatus};
use shared::flows::{Context, Error};
use shared::session::Session;
use shared::store::sync_runs::{self, Ending, Holder, RunningRun};
use shared::store::{TenantTx, connections, repositories};

/// Ends a run that saw every page. What no page showed is removed, unless something was left out
/// on the way. `None` where it is in other hands.
pub(super) async fn complete(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    reason: Option<IncompleteReason>,
) -> Result<Option<SyncRun>, Error> {
    let connection = &session.connection;
    let now = context.clock.now();
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let Some(health) = lock(&mut tx, session, run, holder).await? else {
        return Ok(None);
    };
    let removed = if reason.is_none() {
        repositories::remove_unseen(&mut *tx, connection.id, run.run.id.0, now).await?
    } else {
        0
    };
    let ending = Ending {
        status: SyncStatus::Succeeded,
        complete: reason.is_none(),
        reason,
        removed,
        error: None,
    };
    let ended = sync_runs::finish(&mut tx, run.run.id, &ending, now).await?;
    // A listing that leaves organizations out is a connection that works in part.
    match (reason, health) {
        (Some(IncompleteReason::SsoPartialResults), HealthCode::Ok | HealthCode::Expiring) => {
            connections::set_health(&mut *tx, connection.id, HealthCode::Degraded, now).await?;
        }
        (None, HealthCode::Degraded) => {
            connections::set_health(&mut *tx, connection.id, HealthCode::Ok, now).await?;
        }
        _ => {}
    }
    if removed != 0 {
        let organization = connection.organization_id;
        repositories::move_counters(&mut tx, organization, connection.id, -removed).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

/// Ends a run that somebody wants ended.
pub(super) async fn cancel(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
) -> Result<Option<SyncRun>, Error> {
    let ending = Ending {
        status: SyncStatus::Cancelled,
        complete: false,
        reason: Some(IncompleteReason::Cancelled),
        removed: 0,
        error: None,
    };
    finish(context, session, run, holder, &ending).await
}

/// Ends a run that cannot go on: nothing is removed.
pub(crate) async fn fail(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    error: (String, String),
) -> Result<Option<SyncRun>, Error> {
    let ending = Ending {
        status: SyncStatus::Failed,
        complete: false,
        reason: Some(IncompleteReason::PageFailed),
        removed: 0,
        error: Some(error),
    };
    finish(context, session, run, holder, &ending).await
}

async fn finish(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    ending: &Ending,
) -> Result<Option<SyncRun>, Error> {
    let mut tx = context
        .db
        .tenant(session.connection.organization_id)
        .await?;
    if lock(&mut tx, session, run, holder).await?.is_none() {
        return Ok(None);
    }
    let ended = sync_runs::finish(&mut tx, run.run.id, ending, context.clock.now()).await?;
    tx.commit().await?;
    Ok(ended)
}

/// The connection's health, with the connection and the run locked; `None` where the run is in
/// other hands.
async fn lock(
    tx: &mut TenantTx,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
) -> Result<Option<HealthCode>, Error> {
    let connection = connections::get_for_update(&mut **tx, session.connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let held = sync_runs::hold(&mut *tx, run.run.id, run.pages, holder).await?;
    Ok(held.then_some(connection.health_code))
}
