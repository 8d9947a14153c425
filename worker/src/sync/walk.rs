//! The walk: fetch a page, store it with its checkpoint, go on.

use shared::domain::sync::{IncompleteReason, SyncRun};
use shared::flows::{Context, Error};
use shared::providers::{Cursor, ListQuery, ProviderError, RepositoryPage};
use shared::session::Session;
use shared::store::sync_runs::{self, Holder, PageStored, RunningRun};
use shared::store::{connections, repositories};

use tokio_util::sync::CancellationToken;

use super::{confirm, ending};

/// Repositories per page: the most that every provider gives.
const PER_PAGE: u32 = 100;

/// How a walk ended.
pub enum Walked {
    /// Every page was seen; the run is ended.
    Ended(Box<SyncRun>, i32),
    /// The provider did not give the next page; the run stands at its cursor, after so many pages.
    Stopped(ProviderError, i32),
    /// Another worker goes on with this run, now or later.
    Superseded,
    /// Somebody asked for its end; the run is ended.
    Cancelled,
}

/// Why a walk is to stop between two pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Somebody asked for the run's end.
    Cancelled,
    /// The job is no longer ours to run, or the process ends: the run stands at its cursor.
    HandedBack,
}

/// Walks a run to its end, or to where it cannot go on. `progress` is told repositories done and
/// in all after each page. When `stop` fires, a page under way is dropped and `halt` says why.
///
/// # Errors
/// Where the database does not answer: the run stands at its last page.
pub async fn walk(
    context: &Context,
    session: &Session,
    holder: Holder,
    mut run: RunningRun,
    mut progress: impl FnMut(i64, Option<i64>),
    stop: &CancellationToken,
    halt: impl Fn() -> Option<Halt>,
) -> Result<Walked, Error> {
    let query = ListQuery {
        per_page: PER_PAGE,
        page: None,
        search: None,
    };
    while run.pages == 0 || run.cursor.is_some() {
        let cursor = run.cursor.clone().map(Cursor);
        let asked = session
            .provider
            .repositories(&session.access, &query, cursor.as_ref());
        let Some(answer) = stop.run_until_cancelled(asked).await else {
            return halted(context, session, &run, holder, halt()).await;
        };
        let page = match answer {
            Ok(page) => page,
            Err(error) => return Ok(Walked::Stopped(error, run.pages)),
        };
        if !store_page(context, session, holder, &mut run, page).await? {
            return Ok(Walked::Superseded);
        }
        progress(i64::from(run.run.found), run.expected.map(i64::from));
    }
    let asked = confirm::unseen_is_gone(context, session, &run);
    let Some(answer) = stop.run_until_cancelled(asked).await else {
        return halted(context, session, &run, holder, halt()).await;
    };
    let reason = match answer? {
        Ok(reason) => reason,
        Err(error) => return Ok(Walked::Stopped(error, run.pages)),
    };
    let undecodable = run.undecodable;
    let ended = ending::complete(context, session, &run, holder, reason).await?;
    Ok(ended.map_or(Walked::Superseded, |run| {
        Walked::Ended(Box::new(run), undecodable)
    }))
}

/// The end of a walk that is to stop.
async fn halted(
    context: &Context,
    session: &Session,
    run: &RunningRun,
    holder: Holder,
    why: Option<Halt>,
) -> Result<Walked, Error> {
    if why == Some(Halt::Cancelled) {
        let ended = ending::cancel(context, session, run, holder).await?;
        return Ok(ended.map_or(Walked::Superseded, |_| Walked::Cancelled));
    }
    Ok(Walked::Superseded)
}

/// One transaction: rows, counter, checkpoint. False where another worker stored this page.
async fn store_page(
    context: &Context,
    session: &Session,
    holder: Holder,
    run: &mut RunningRun,
    page: RepositoryPage,
) -> Result<bool, Error> {
    let connection = &session.connection;
    let (organization, now) = (connection.organization_id, context.clock.now());
    let mut seen: Vec<String> = page
        .repositories
        .iter()
        .map(|found| found.provider_repository_id.clone())
        .collect();
    // What cannot be read is there all the same: it must not count as gone.
    seen.extend(page.undecodable.iter().filter_map(|item| item.id.clone()));
    let unnamed = page.undecodable.iter().any(|item| item.id.is_none());
    let incomplete = if page.partial {
        Some(IncompleteReason::SsoPartialResults)
    } else if unnamed {
        Some(IncompleteReason::PageFailed)
    } else {
        None
    };
    for item in &page.undecodable {
        tracing::warn!(connection = %connection.id, id = item.id.as_deref(), detail = %item.detail,
            "a repository could not be read and is left as it was");
    }
    let mut tx = context.db.tenant(organization).await?;
    connections::get_for_update(&mut *tx, connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let changes = repositories::upsert_page(
        &mut tx,
        organization,
        connection.id,
        connection.provider,
        &page.repositories,
        now,
    )
    .await?;
    let undecodable = i32::try_from(page.undecodable.len()).unwrap_or(i32::MAX);
    let stored = PageStored {
        repository_ids: &seen,
        added: changes.added,
        updated: changes.updated,
        requests: i32::try_from(page.requests).unwrap_or(i32::MAX),
        next: page.next.map(|cursor| cursor.0),
        expected: page.total.and_then(|total| i32::try_from(total).ok()),
        incomplete,
        undecodable,
    };
    if !sync_runs::checkpoint(
        &mut tx,
        organization,
        run.run.id,
        run.pages,
        holder,
        &stored,
    )
    .await?
    {
        return Ok(false);
    }
    connections::record_use(&mut *tx, connection.id, &page.rate_limit, now).await?;
    if changes.added != 0 {
        repositories::move_counters(&mut tx, organization, connection.id, changes.added).await?;
    }
    tx.commit().await?;

    run.pages += 1;
    run.run.found += i32::try_from(seen.len()).unwrap_or(i32::MAX);
    run.run.incomplete_reason = run.run.incomplete_reason.or(incomplete);
    run.undecodable += undecodable;
    run.expected = stored.expected.or(run.expected);
    run.cursor = stored.next;
    Ok(true)
}
