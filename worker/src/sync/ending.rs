//! The end of a run: removals where it saw everything, none where it did not.

use shared::domain::sync::{IncompleteReason, SyncRun, SyncStatus};
use shared::flows::{Context, Error};
use shared::session::Session;
use shared::store::sync_runs::{self, Ending, RunningRun};
use shared::store::{connections, repositories};

/// Ends a run that saw every page. What no page showed is removed, unless something was left out
/// on the way. `None` where another worker ended it, or the connection is gone.
pub(super) async fn complete(
    context: &Context,
    session: &Session,
    run: &RunningRun,
) -> Result<Option<SyncRun>, Error> {
    let connection = &session.connection;
    let now = context.clock.now();
    let mut tx = context.db.tenant(connection.organization_id).await?;
    // The connection's row first, as in a deletion: rows in another order would be a deadlock.
    let there = connections::get_for_update(&mut *tx, connection.id).await?;
    if there.is_none() {
        return Ok(None);
    }
    let reason = run.run.incomplete_reason;
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
    if ended.is_some() && removed != 0 {
        repositories::move_counter(&mut *tx, connection.id, -removed).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

/// Ends a run that somebody wants ended.
pub(super) async fn cancel(
    context: &Context,
    session: &Session,
    run: &RunningRun,
) -> Result<Option<SyncRun>, Error> {
    let ending = Ending {
        status: SyncStatus::Cancelled,
        complete: false,
        reason: Some(IncompleteReason::Cancelled),
        removed: 0,
        error: None,
    };
    finish(context, session, run, &ending).await
}

/// Ends a run that cannot go on: nothing is removed.
pub(crate) async fn fail(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    error: (String, String),
) -> Result<Option<SyncRun>, Error> {
    let ending = Ending {
        status: SyncStatus::Failed,
        complete: false,
        reason: Some(IncompleteReason::PageFailed),
        removed: 0,
        error: Some(error),
    };
    finish(context, session, run, &ending).await
}

async fn finish(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    ending: &Ending,
) -> Result<Option<SyncRun>, Error> {
    let mut tx = context
        .db
        .tenant(session.connection.organization_id)
        .await?;
    let ended = sync_runs::finish(&mut tx, run.run.id, ending, context.clock.now()).await?;
    tx.commit().await?;
    Ok(ended)
}
