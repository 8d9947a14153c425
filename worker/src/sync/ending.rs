//! The end of a run: removals where it saw everything, none where it did not.
//!
//! Every end first locks the connection, as a page and a deletion do, so that none of them waits
//! for another in a circle; then the run itself, to be sure that it is still in these hands.

use serde_json::json;
use shared::domain::connection::Connection;
use shared::domain::health::HealthCode;
use shared::domain::outbox::EventType;
use shared::domain::sync::{IncompleteReason, SyncRun, SyncStatus};
use shared::flows::{Context, Error};
use shared::session::Session;
use shared::store::outbox::{self, NewEvent};
use shared::store::repositories::{self, Removed};
use shared::store::sync_runs::{self, Ending, Holder, RunningRun};
use shared::store::{TenantTx, connections, sync_pages};

use super::confirm::Unseen;

/// Ends a run that saw every page. What no page showed is removed where that is known to be gone.
/// `None` where it is in other hands.
pub(super) async fn complete(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    unseen: Unseen,
) -> Result<Option<SyncRun>, Error> {
    let connection = &session.connection;
    let now = context.clock.now();
    let reason = match unseen {
        Unseen::Unknown(reason) => Some(reason),
        Unseen::Gone | Unseen::None => None,
    };
    let organization = connection.organization_id;
    let mut tx = context.db.tenant_in_bulk(organization).await?;
    let Some(health) = lock(&mut tx, session, run, holder, true).await? else {
        return Ok(None);
    };
    if reason.is_none() {
        sync_pages::forget_passed(&mut tx, connection.id, run.run.id).await?;
    }
    let removed = match unseen {
        Unseen::Gone => repositories::remove_unseen(&mut *tx, (&run.run).into(), now).await?,
        Unseen::None | Unseen::Unknown(_) => Vec::new(),
    };
    let gone = i32::try_from(removed.len()).unwrap_or(i32::MAX);
    let ending = Ending {
        status: SyncStatus::Succeeded,
        complete: reason.is_none(),
        reason,
        removed: gone,
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
    let mut events: Vec<NewEvent> = removed.iter().map(|one| is_gone(connection, one)).collect();
    events.extend(ended.as_ref().map(went_through));
    outbox::append(&mut *tx, organization, &events, now).await?;
    if gone != 0 {
        repositories::move_counters(&mut tx, organization, connection.id, -gone).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

fn is_gone(connection: &Connection, removed: &Removed) -> NewEvent {
    NewEvent {
        kind: EventType::RepositoryRemoved,
        data: json!({
            "repository_id": removed.id,
            "connection_id": connection.id,
            "provider": connection.provider,
            "provider_repository_id": removed.provider_repository_id,
            "full_name": removed.full_name,
        }),
    }
}

fn went_through(run: &SyncRun) -> NewEvent {
    NewEvent {
        kind: EventType::SyncCompleted,
        data: json!({
            "sync_id": run.id,
            "connection_id": run.connection_id,
            "trigger": run.trigger,
            "found": run.found,
            "added": run.added,
            "updated": run.updated,
            "removed": run.removed,
            "complete": run.complete,
            "incomplete_reason": run.incomplete_reason,
        }),
    }
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
    if lock(&mut tx, session, run, holder, false).await?.is_none() {
        return Ok(None);
    }
    let ended = sync_runs::finish(&mut tx, run.run.id, ending, context.clock.now()).await?;
    tx.commit().await?;
    Ok(ended)
}

/// The connection's health, with the connection and the run locked; `None` where the run is in
/// other hands, or is to be `whole` and is not.
async fn lock(
    tx: &mut TenantTx,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    whole: bool,
) -> Result<Option<HealthCode>, Error> {
    let health = connections::lock_health(&mut **tx, session.connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let held = sync_runs::hold(&mut *tx, run.run.id, whole, holder).await?;
    Ok(held.then_some(health))
}
