//! Which pages a run is to see. Pure.
//!
//! A run is whole when every page of its plan is done and the plan is closed: whatever follows a page
//! is in it. So pages may come in any order, and what is missing after a death is what is not done.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;
use shared::providers::{Cursor, HeldPage, Provider, RepositoryPage};
use shared::store::sync_pages::PlannedPage;

/// A listing with more pages than this (ten million repositories) has no end.
const MOST_PAGES: usize = 100_000;

/// A page to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// Its number within the run.
    pub(super) number: i32,
    /// `None` for the start.
    pub(super) cursor: Option<Cursor>,
    /// What it was like last time.
    pub(super) held: Option<HeldPage>,
}

/// A page that is planned by another: its number and cursor.
pub(super) type Addition = (i32, Value);

/// Every page that is known of.
pub(super) struct Plan {
    known: Vec<Cursor>,
    names: HashSet<String>,
    open: VecDeque<Wanted>,
    next_number: i32,
}

impl Plan {
    pub(super) fn new(pages: &[PlannedPage]) -> Self {
        let known: Vec<Cursor> = pages
            .iter()
            .map(|page| Cursor(page.cursor.clone()))
            .collect();
        let open = pages.iter().filter(|page| !page.done).map(|page| Wanted {
            number: page.number,
            cursor: (!page.cursor.is_null()).then(|| Cursor(page.cursor.clone())),
            held: page.held.as_ref().map(|held| HeldPage {
                etag: held.etag.clone(),
                next: held.next.clone().map(Cursor),
                repositories: usize::try_from(held.repositories).unwrap_or(0),
            }),
        });
        Self {
            open: open.collect(),
            names: known.iter().map(|cursor| cursor.0.to_string()).collect(),
            next_number: pages.iter().map(|page| page.number + 1).max().unwrap_or(0),
            known,
        }
    }

    /// The next page to ask for.
    pub(super) fn take(&mut self) -> Option<Wanted> {
        self.open.pop_front()
    }

    /// Whether there are more pages than any listing has.
    pub(super) fn is_endless(&self) -> bool {
        self.known.len() > MOST_PAGES
    }

    /// Takes in what a page tells of others: those that are new, which must be stored with it.
    pub(super) fn follow(
        &mut self,
        provider: &dyn Provider,
        wanted: &Wanted,
        page: &RepositoryPage,
    ) -> Vec<Addition> {
        let next = page.next.iter().filter(|next| {
            let goes_on =
                |planned: &Cursor| provider.goes_on_from(wanted.cursor.as_ref(), next, planned);
            !self.names.contains(&next.0.to_string()) && !self.known.iter().any(goes_on)
        });
        let told: Vec<Cursor> = next.chain(&page.ahead).cloned().collect();
        told.into_iter()
            .filter_map(|cursor| self.add(cursor))
            .collect()
    }

    fn add(&mut self, cursor: Cursor) -> Option<Addition> {
        if !self.names.insert(cursor.0.to_string()) {
            return None;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.known.push(cursor.clone());
        let value = cursor.0.clone();
        self.open.push_back(Wanted {
            number,
            cursor: Some(cursor),
            held: None,
        });
        Some((number, value))
    }
}
