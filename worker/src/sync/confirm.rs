//! Before anything counts as gone: whether the listing stood still while it was read, where the walk
//! alone cannot tell.
//!
//! Where pages are numbered, a repository that is deleted during the walk pulls the one behind it
//! onto a page that was read already, and one that comes in pushes others onto such a page: a
//! complete walk has not seen them. So what a run has not seen is asked for once more, by name; what
//! answers is seen after all. Where that is many (an organization left), all pages are asked for once
//! more by their ETags: if each is as it was read, then between the two readings every page was so at
//! once, and what is on none of them was not there. Where a provider gives no ETags, a sample by name
//! has to do.

use shared::domain::sync::IncompleteReason;
use shared::flows::{Context, Error};
use shared::providers::{ErrorClass, ProviderError};
use shared::session::Session;
use shared::store::repositories;
use shared::store::sync_pages::{self, PlannedPage};
use shared::store::sync_runs::RunningRun;
use tokio::sync::mpsc;

use super::fetch;
use super::plan::Plan;

/// Asked for one by one at most.
const BY_NAME: i64 = 50;

/// What a run that read all its pages says of those that it has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Every one of them is gone.
    Gone,
    /// There was none when all pages were read: whatever is not on them came since, and stays.
    None,
    /// Nothing: the listing was not whole.
    Unknown(IncompleteReason),
}

/// What a run says of repositories that it has not seen.
pub(super) async fn unseen(
    context: &Context,
    session: &Session,
    run: &RunningRun,
) -> Result<Result<Unseen, ProviderError>, Error> {
    if let Some(reason) = run.run.incomplete_reason {
        return Ok(Ok(Unseen::Unknown(reason)));
    }
    let connection = &session.connection;
    let organization = connection.organization_id;
    let mut tx = context.db.tenant_in_bulk(organization).await?;
    let unseen = repositories::unseen(&mut *tx, (&run.run).into(), BY_NAME + 1).await?;
    if unseen.is_empty() {
        return Ok(Ok(Unseen::None));
    }
    if session.provider.walk_is_stable() {
        return Ok(Ok(Unseen::Gone));
    }
    let many = i64::try_from(unseen.len()).is_ok_and(|count| count > BY_NAME);
    let pages = match many {
        true => sync_pages::as_seen(&mut tx, connection.id, run.run.id).await?,
        false => None,
    };
    drop(tx);
    let whole = match pages {
        Some(pages) => stood_still(session, &pages).await,
        None => none_answers(session, &unseen).await,
    };
    Ok(whole.map(|whole| {
        if whole {
            return Unseen::Gone;
        }
        tracing::info!(connection = %connection.id,
            "the listing changed while it was read; nothing is removed by this run");
        Unseen::Unknown(IncompleteReason::PageFailed)
    }))
}

/// Whether every page is as it was read.
async fn stood_still(session: &Session, pages: &[PlannedPage]) -> Result<bool, ProviderError> {
    let at_once = session.provider.pages_at_once();
    let (out, mut answers) = mpsc::channel(at_once.max(1));
    let asking = fetch::every_page(session, Plan::new(pages), at_once, out);
    // Where one is not, nobody waits for the others: the channel closes, and the asking ends.
    let reading = async move {
        while let Some(page) = answers.recv().await {
            if !page.answer.not_modified || !page.plans.is_empty() {
                return false;
            }
        }
        true
    };
    let (asked, same) = tokio::join!(asking, reading);
    if same {
        asked.map(|()| true)
    } else {
        Ok(false)
    }
}

/// Whether nothing of what was not seen is there under its name.
async fn none_answers(
    session: &Session,
    unseen: &[(String, String)],
) -> Result<bool, ProviderError> {
    for (id, full_name) in unseen {
        match session
            .provider
            .known_repository(&session.access, id, full_name)
            .await
        {
            Ok(found) if found.provider_repository_id == *id => return Ok(false),
            // Another repository has the name now; this one the listing would have shown.
            Ok(_) => {}
            Err(error) => match error.class {
                ErrorClass::NotFound | ErrorClass::Forbidden | ErrorClass::SsoBlocked => {}
                _ => return Err(error),
            },
        }
    }
    Ok(true)
}
