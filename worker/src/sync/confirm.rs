//! Before anything counts as gone: asking for it once more, where the walk alone cannot tell.
//!
//! Where pages are numbered, a repository that is deleted during the walk pulls the one behind it
//! onto a page that was read already, and a complete walk has not seen it. So what a run has not
//! seen is asked for once more; what answers is seen after all. Many unseen ones at once (an
//! organization left) are asked for by a sample: if one of it answers, the listing was not whole.

use shared::domain::sync::IncompleteReason;
use shared::flows::{Context, Error};
use shared::providers::{ErrorClass, ProviderError};
use shared::session::Session;
use shared::store::repositories;
use shared::store::sync_runs::RunningRun;

/// Asked for one by one at most.
const SAMPLE: i64 = 50;

/// Whether what the run has not seen is gone: `Ok(None)` yes, `Ok(Some(reason))` the listing was
/// not whole.
pub(super) async fn unseen_is_gone(
    context: &Context,
    session: &Session,
    run: &RunningRun,
) -> Result<Result<Option<IncompleteReason>, ProviderError>, Error> {
    if session.provider.walk_is_stable() || run.run.incomplete_reason.is_some() {
        return Ok(Ok(run.run.incomplete_reason));
    }
    let connection = &session.connection;
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let unseen = repositories::unseen(&mut *tx, connection.id, run.run.id.0, SAMPLE).await?;
    drop(tx);
    for (id, full_name) in unseen {
        match session
            .provider
            .known_repository(&session.access, &id, &full_name)
            .await
        {
            Ok(found) if found.provider_repository_id == id => {
                tracing::info!(connection = %connection.id, %full_name,
                    "the listing changed while it was read; nothing is removed by this run");
                return Ok(Ok(Some(IncompleteReason::PageFailed)));
            }
            // Another repository has the name now; this one the listing would have shown.
            Ok(_) => {}
            Err(error) => match error.class {
                ErrorClass::NotFound | ErrorClass::Forbidden | ErrorClass::SsoBlocked => {}
                _ => return Ok(Err(error)),
            },
        }
    }
    Ok(Ok(None))
}
