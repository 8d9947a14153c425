//! Asking for pages, several at a time.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::providers::{CheckedPage, ErrorClass, ListQuery, ProviderError};
use shared::session::Session;
use tokio::sync::mpsc;

use super::plan::{Addition, Plan, Wanted};

/// Repositories per page: the most that every provider gives.
const PER_PAGE: u32 = 100;

/// A page that came.
pub(super) struct Fetched {
    pub(super) wanted: Wanted,
    pub(super) answer: CheckedPage,
    /// The pages that it tells of and that were not planned.
    pub(super) plans: Vec<Addition>,
}

/// Asks for every open page of a plan, at most `at_once` at a time, and hands each on as it comes.
/// A page is handed on before those that it plans are asked for, so that it is stored before them.
///
/// # Errors
/// The gravest failure of a page, once those that were under way with it have come.
pub(super) async fn every_page(
    session: &Session,
    mut plan: Plan,
    at_once: usize,
    out: mpsc::Sender<Fetched>,
) -> Result<(), ProviderError> {
    let mut under_way = FuturesUnordered::new();
    let mut failed: Option<ProviderError> = None;
    // The first question goes alone: a token that is dead is presented once, not at once for every
    // page that is known of.
    let mut most = 1;
    loop {
        while failed.is_none() && under_way.len() < most {
            let Some(wanted) = plan.take() else { break };
            under_way.push(page(session, wanted));
        }
        let Some((wanted, answer)) = under_way.next().await else {
            return failed.map_or(Ok(()), Err);
        };
        most = at_once.max(1);
        match answer {
            Ok(answer) => {
                let plans = plan.follow(&*session.provider, &wanted, &answer.page);
                let fetched = Fetched {
                    wanted,
                    answer,
                    plans,
                };
                // Nobody stores any more: why, is known there.
                if out.send(fetched).await.is_err() {
                    return Ok(());
                }
                if plan.is_endless() {
                    failed = Some(endless());
                }
            }
            Err(error) => {
                let graver = failed
                    .as_ref()
                    .is_none_or(|known| gravity(&error) > gravity(known));
                if graver {
                    failed = Some(error);
                }
            }
        }
    }
}

/// One question to the provider.
async fn page(session: &Session, wanted: Wanted) -> (Wanted, Result<CheckedPage, ProviderError>) {
    let query = ListQuery {
        per_page: PER_PAGE,
        page: None,
        search: None,
    };
    let (cursor, held) = (wanted.cursor.as_ref(), wanted.held.as_ref());
    let answer = session
        .provider
        .repositories_if_changed(&session.access, &query, cursor, held)
        .await;
    (wanted, answer)
}

/// A refusal tells more than a closed window, and that more than an outage.
fn gravity(error: &ProviderError) -> u8 {
    match error.class {
        ErrorClass::RateLimited => 1,
        _ if error.is_transient() => 0,
        _ => 2,
    }
}

fn endless() -> ProviderError {
    ProviderError {
        class: ErrorClass::Unexpected,
        status: None,
        detail: "the listing does not end".to_owned(),
        retry_at: None,
        action_url: None,
    }
}
