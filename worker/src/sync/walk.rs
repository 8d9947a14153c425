//! The walk: pages are fetched, several at a time where they are known of, and stored with their
//! checkpoints while others are under way.

use std::pin::pin;

use shared::domain::sync::SyncRun;
use shared::flows::{Context, Error};
use shared::providers::ProviderError;
use shared::session::Session;
use shared::store::sync_runs::{Holder, RunningRun};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::keep::Keeper;
use super::plan::Plan;
use super::{confirm, ending, fetch};

/// How a walk ended.
pub enum Walked {
    /// Every page was seen; the run is ended.
    Ended(Box<SyncRun>, i32),
    /// The provider did not give a page; the run stands, as far as it came.
    Stopped(ProviderError, Box<RunningRun>),
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
    /// The job is no longer ours to run, or the process ends: the run stands with its pages.
    HandedBack,
}

/// Walks a run to its end, or to where it cannot go on. `progress` is told repositories done and
/// in all after each page. When `stop` fires, pages under way are dropped and `halt` says why.
///
/// # Errors
/// Where the database does not answer: the run stands with the pages that were stored.
pub async fn walk(
    context: &Context,
    session: &Session,
    holder: Holder,
    run: RunningRun,
    progress: impl FnMut(i64, Option<i64>),
    stop: &CancellationToken,
    halt: impl Fn() -> Option<Halt>,
) -> Result<Walked, Error> {
    let at_once = session.provider.pages_at_once();
    walk_paced(
        context,
        session,
        holder,
        run,
        progress,
        (stop, halt),
        at_once,
    )
    .await
}

/// The same, with so many pages at once.
///
/// # Errors
/// As [`walk`].
pub async fn walk_paced(
    context: &Context,
    session: &Session,
    holder: Holder,
    mut run: RunningRun,
    progress: impl FnMut(i64, Option<i64>),
    (stop, halt): (&CancellationToken, impl Fn() -> Option<Halt>),
    at_once: usize,
) -> Result<Walked, Error> {
    let (out, pages) = mpsc::channel(at_once.max(1) * 2);
    let fetching = fetch::every_page(session, Plan::new(&run.plan), at_once, out);
    let mut fetching = pin!(stop.run_until_cancelled(fetching));
    let keeper = Keeper {
        context,
        session,
        holder,
    };
    let mut fetched = None;
    let stored = {
        let mut keeping = pin!(keeper.every_page(&mut run, pages, progress));
        // Where storing ends first, nobody wants what is still under way.
        loop {
            tokio::select! {
                outcome = &mut fetching, if fetched.is_none() => fetched = Some(outcome),
                stored = &mut keeping => break stored?,
            }
        }
    };
    if !stored {
        return Ok(Walked::Superseded);
    }
    match fetched {
        Some(Some(Ok(()))) => {}
        Some(Some(Err(error))) => return Ok(Walked::Stopped(error, Box::new(run))),
        Some(None) | None => return halted(context, session, &run, holder, halt()).await,
    }
    let asked = confirm::unseen(context, session, &run);
    let Some(answer) = stop.run_until_cancelled(asked).await else {
        return halted(context, session, &run, holder, halt()).await;
    };
    let unseen = match answer? {
        Ok(unseen) => unseen,
        Err(error) => return Ok(Walked::Stopped(error, Box::new(run))),
    };
    let undecodable = run.undecodable;
    let ended = ending::complete(context, session, &run, holder, unseen).await?;
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
