//! Every request that arrived, to be asked about and waited for.
//!
//! An entry is written when the request arrives and completed when it is answered, so a test that waits for an arrival
//! needs no sleep and sees requests that are still held. The newest 100,000 are kept. Secrets are not among them: a
//! request carries the id of the token that it presented.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use http::Method;
use tokio::sync::watch;

use crate::face::Face;
use crate::matching::Match;
use crate::model::{RefreshTokenId, TokenId};
use crate::query::Query;

const KEPT: usize = 100_000;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Counts from 1 over all faces.
    pub sequence: u64,
    /// When it arrived, by the forge's clock.
    pub at: DateTime<Utc>,
    /// Which provider was asked.
    pub face: Face,
    /// Its method.
    pub method: Method,
    /// Its path below the face's API root, as it was sent, or below the web root for what is no API.
    pub path: String,
    /// Its parameters.
    pub query: Query,
    /// It came with a credential, known or not.
    pub authenticated: bool,
    /// The token it presented, where the forge has ever issued it.
    pub token: Option<TokenId>,
    /// The `grant_type` of a request to a token endpoint.
    pub grant_type: Option<String>,
    /// The refresh token it presented, where the forge has ever issued it.
    pub refresh_token: Option<RefreshTokenId>,
    /// The access token that was made for it, whether or not the answer with it arrived.
    pub issued: Option<TokenId>,
    /// It came with `If-None-Match`.
    pub conditional: bool,
    /// What it was answered; `None` while it is held or worked on, and where the connection was cut instead.
    pub status: Option<u16>,
    /// When the work on it ended: answered, or cut.
    pub ended: Option<DateTime<Utc>>,
}

impl Request {
    /// Path and parameters.
    pub fn target(&self) -> String {
        match self.query.encode() {
            query if query.is_empty() => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }
}

pub(crate) struct Log {
    entries: Mutex<Entries>,
    moved: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    kept: VecDeque<Request>,
    arrived: u64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            moved: watch::Sender::new(0),
        }
    }

    /// Writes an arrival down and answers its sequence number.
    pub(crate) fn arrive(&self, request: &mut Request) {
        let mut entries = self.lock();
        entries.arrived += 1;
        request.sequence = entries.arrived;
        if entries.kept.len() == KEPT {
            entries.kept.pop_front();
        }
        entries.kept.push_back(request.clone());
        drop(entries);
        self.moved.send_modify(|moves| *moves += 1);
    }

    /// Writes down that a request was given a token, before anything is done to the answer.
    pub(crate) fn issued(&self, sequence: u64, token: TokenId) {
        self.complete(sequence, |entry| entry.issued = Some(token));
    }

    pub(crate) fn answered(&self, sequence: u64, status: u16, at: DateTime<Utc>) {
        self.complete(sequence, |entry| {
            entry.status = Some(status);
            entry.ended = Some(at);
        });
    }

    /// Writes down that a request's connection was cut.
    pub(crate) fn cut(&self, sequence: u64, at: DateTime<Utc>) {
        self.complete(sequence, |entry| entry.ended = Some(at));
    }

    fn complete(&self, sequence: u64, complete: impl FnOnce(&mut Request)) {
        let mut entries = self.lock();
        let first = entries.kept.front().map_or(0, |entry| entry.sequence);
        let at = sequence
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| entries.kept.get_mut(at)) {
            complete(entry);
        }
        drop(entries);
        self.moved.send_modify(|moves| *moves += 1);
    }

    pub(crate) fn select(&self, which: &Match) -> Vec<Request> {
        let entries = self.lock();
        let met = entries.kept.iter().filter(|entry| which.meets(entry));
        met.cloned().collect()
    }

    pub(crate) fn count(&self, which: &Match, answered: bool) -> usize {
        let entries = self.lock();
        let counts = |entry: &&Request| which.meets(entry) && (!answered || entry.status.is_some());
        entries.kept.iter().filter(counts).count()
    }

    pub(crate) fn clear(&self) {
        self.lock().kept.clear();
    }

    /// Waits until `count` requests were met, answered ones only where `answered`.
    pub(crate) async fn wait(&self, which: &Match, count: usize, answered: bool) {
        let mut moved = self.moved.subscribe();
        while self.count(which, answered) < count {
            // The sender lives as long as the log.
            if moved.changed().await.is_err() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
