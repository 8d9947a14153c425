//! Storing pages while others are under way: those that wait together in one transaction, each with its
//! checkpoint. Pages that are as they were need no rows written. A commit does not wait for the disk: the
//! end of the run does, and makes all of them lasting.

use chrono::{DateTime, Utc};
use shared::domain::quota::RateLimit;
use shared::domain::sync::IncompleteReason;
use shared::flows::{Context, Error};
use shared::providers::RepositoryPage;
use shared::session::Session;
use shared::store::repositories::{self, Likely, PageChanges};
use shared::store::sync_pages::{self, InHand, PageStored, PagesUnchanged};
use shared::store::sync_runs::{Holder, RunningRun};
use shared::store::{TenantTx, connections};
use tokio::sync::mpsc;

use super::fetch::Fetched;

/// Pages that are read and stored in one transaction, at most: as many rows as one statement takes.
const TOGETHER: usize = 5;

/// A run that is being stored.
pub(super) struct Keeper<'a> {
    pub(super) context: &'a Context,
    pub(super) session: &'a Session,
    pub(super) holder: Holder,
}

impl Keeper<'_> {
    /// Stores what comes until nothing does. False where another worker goes on with the run.
    pub(super) async fn every_page(
        &self,
        run: &mut RunningRun,
        mut pages: mpsc::Receiver<Fetched>,
        mut progress: impl FnMut(i64, Option<i64>),
    ) -> Result<bool, Error> {
        let mut waiting = None;
        loop {
            let first = match waiting.take() {
                Some(page) => page,
                None => match pages.recv().await {
                    Some(page) => page,
                    None => return Ok(true),
                },
            };
            let alike = first.answer.not_modified;
            let most = if alike { usize::MAX } else { TOGETHER };
            let mut some = vec![first];
            while some.len() < most
                && let Ok(page) = pages.try_recv()
            {
                if page.answer.not_modified != alike {
                    waiting = Some(page);
                    break;
                }
                some.push(page);
            }
            let stored = match alike {
                true => self.unchanged(run, &some).await?,
                false => self.read(run, &some).await?,
            };
            if !stored {
                return Ok(false);
            }
            progress(i64::from(run.run.found), run.expected.map(i64::from));
        }
    }

    fn in_hand(&self, run: &RunningRun) -> InHand {
        InHand {
            organization: self.session.connection.organization_id,
            connection: self.session.connection.id,
            run: run.run.id,
            holder: self.holder,
            generation: self.session.generation,
        }
    }

    /// A transaction for these pages, with the connection locked.
    async fn begin(&self, pages: &[Fetched], now: DateTime<Utc>) -> Result<TenantTx, Error> {
        let connection = &self.session.connection;
        let limit = pages
            .last()
            .map_or_else(RateLimit::default, |page| page.answer.page.rate_limit);
        let organization = connection.organization_id;
        let mut tx = self.context.db.tenant_step(organization).await?;
        if connections::record_use(&mut *tx, connection.id, &limit, now).await? {
            Ok(tx)
        } else {
            Err(Error::NotFound("connection"))
        }
    }

    /// One transaction: rows, counter, checkpoints.
    async fn read(&self, run: &mut RunningRun, pages: &[Fetched]) -> Result<bool, Error> {
        let connection = &self.session.connection;
        let (organization, now) = (connection.organization_id, self.context.clock.now());
        let owner = repositories::Owner {
            organization,
            connection: connection.id,
            provider: connection.provider,
            now,
        };
        let likely = match connection.last_synced_at {
            None => Likely::New,
            Some(_) => Likely::Known,
        };
        let mut tx = self.begin(pages, now).await?;
        let rows = pages.iter().flat_map(|one| &one.answer.page.repositories);
        let mut changes = repositories::upsert_page(&mut tx, owner, likely, rows).await?;
        let added = changes.added;
        for fetched in pages {
            // The run counts what all of them changed with the first.
            let changed = (std::mem::take(&mut changes), now);
            if !self.checkpoint(&mut tx, run, fetched, changed).await? {
                return Ok(false);
            }
        }
        if added != 0 {
            repositories::move_counters(&mut tx, organization, connection.id, added).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The checkpoint of a page whose rows were written at this moment; false where another worker goes
    /// on with the run.
    async fn checkpoint(
        &self,
        tx: &mut TenantTx,
        run: &mut RunningRun,
        fetched: &Fetched,
        (changes, now): (PageChanges, DateTime<Utc>),
    ) -> Result<bool, Error> {
        let in_hand = self.in_hand(run);
        let page = &fetched.answer.page;
        let mut seen: Vec<&str> = page
            .repositories
            .iter()
            .map(|found| found.provider_repository_id.as_str())
            .collect();
        // What cannot be read is there all the same: it must not count as gone.
        seen.extend(
            page.undecodable
                .iter()
                .filter_map(|item| item.id.as_deref()),
        );
        for item in &page.undecodable {
            tracing::warn!(connection = %in_hand.connection, id = item.id.as_deref(), detail = %item.detail,
                "a repository could not be read and is left as it was");
        }
        let incomplete = incomplete(page);
        // A page that was not read whole is read again next time.
        let whole = incomplete.is_none() && page.undecodable.is_empty();
        let stored = PageStored {
            number: fetched.wanted.number,
            repository_ids: &seen,
            etag: fetched.answer.etag.as_deref().filter(|_| whole),
            next: page.next.as_ref().map(|cursor| &cursor.0),
            plans: &fetched.plans,
            added: changes.added,
            updated: changes.updated,
            requests: count(page.requests as usize),
            expected: page.total.and_then(|total| i32::try_from(total).ok()),
            incomplete,
            undecodable: count(page.undecodable.len()),
            // As the rows have it: what is changed afterwards shows by its later time.
            now,
        };
        if !sync_pages::checkpoint(tx, &in_hand, &stored).await? {
            return Ok(false);
        }
        run.pages += 1;
        run.run.found += count(seen.len());
        run.run.incomplete_reason = run.run.incomplete_reason.or(incomplete);
        run.undecodable += stored.undecodable;
        run.expected = stored.expected.or(run.expected);
        Ok(true)
    }

    /// One transaction: checkpoint.
    async fn unchanged(&self, run: &mut RunningRun, pages: &[Fetched]) -> Result<bool, Error> {
        let held = |page: &Fetched| {
            page.wanted
                .held
                .as_ref()
                .map_or(0, |held| held.repositories)
        };
        let numbers: Vec<i32> = pages.iter().map(|page| page.wanted.number).collect();
        let plans: Vec<_> = pages.iter().flat_map(|page| page.plans.clone()).collect();
        let requests = pages
            .iter()
            .map(|page| page.answer.page.requests)
            .sum::<u32>();
        let reasons = pages.iter().map(|page| incomplete(&page.answer.page));
        let stored = PagesUnchanged {
            numbers: &numbers,
            plans: &plans,
            found: count(pages.iter().map(held).sum()),
            requests: count(requests as usize),
            incomplete: reasons.flatten().next(),
        };
        let mut tx = self.begin(pages, self.context.clock.now()).await?;
        if !sync_pages::checkpoint_unchanged(&mut tx, &self.in_hand(run), &stored).await? {
            return Ok(false);
        }
        tx.commit().await?;

        run.pages += count(pages.len());
        run.run.found += stored.found;
        run.run.incomplete_reason = run.run.incomplete_reason.or(stored.incomplete);
        Ok(true)
    }
}

/// Why a page makes its listing incomplete.
fn incomplete(page: &RepositoryPage) -> Option<IncompleteReason> {
    if page.partial {
        Some(IncompleteReason::SsoPartialResults)
    } else if page.undecodable.iter().any(|item| item.id.is_none()) {
        Some(IncompleteReason::PageFailed)
    } else {
        None
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
