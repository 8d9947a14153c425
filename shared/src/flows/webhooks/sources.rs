//! Sources that a process remembers for some seconds, since a storm of deliveries must not be a storm of
//! look-ups.
//!
//! Where nothing is remembered (a process that has just started, a memory that ended in the middle of a
//! storm), everybody who needs the same source comes at once: one of them reads, and the others wait for
//! that. Without it they would all open connections to the database, and wait for each other until some
//! of them give up.
//!
//! Whoever waited takes over what a reading told that began after it came, whatever that was; what one told
//! that had begun before is taken over where it found something and its age is no matter. So an outage is
//! waited for twice at most, and what was there before somebody came is never missed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::source::Source;
use crate::domain::ids::ConnectionId;
use crate::flows::Error;
use crate::store::StoreError;

/// How long they are remembered.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How old they are at least when they are read again because they do not fit.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Names that a process remembers.
const MOST: usize = 50_000;

/// Which sources are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Named {
    Connection(ConnectionId),
    App(i64),
}

/// Sources of one name, as they were read.
#[derive(Clone, Debug)]
pub struct Found {
    pub(super) named: Named,
    /// When the reading began.
    at: Instant,
    /// None for what there is not.
    pub sources: Arc<[Source]>,
}

impl Found {
    /// Whether reading them again may show others.
    pub(super) fn is_old(&self) -> bool {
        self.at.elapsed() >= AGAIN_AFTER
    }
}

/// The memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sources(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    remembered: Mutex<HashMap<Named, Found>>,
    /// Names that somebody reads, or waits to read.
    turns: Mutex<HashMap<Named, Arc<Turn>>>,
}

/// Held by whoever reads; what the last one of those who share it was told.
type Turn = tokio::sync::Mutex<Option<(Instant, Result<Found, Error>)>>;

/// A place among those who read a name. Gone with the last of them.
struct Seat<'a> {
    memory: &'a Memory,
    named: Named,
    turn: Arc<Turn>,
}

impl Sources {
    /// What is remembered of a name, else what `read` tells of it.
    ///
    /// # Errors
    /// As `read`.
    pub(super) async fn get(
        &self,
        named: Named,
        read: impl AsyncFnOnce() -> Result<Arc<[Source]>, Error>,
    ) -> Result<Found, Error> {
        match self.0.recall(named) {
            Some(found) => Ok(found),
            None => self.read(named, true, read).await,
        }
    }

    /// What `read` tells of a name now.
    ///
    /// # Errors
    /// As `read`.
    pub(super) async fn get_again(
        &self,
        named: Named,
        read: impl AsyncFnOnce() -> Result<Arc<[Source]>, Error>,
    ) -> Result<Found, Error> {
        self.read(named, false, read).await
    }

    /// Forgets a connection's: its secret was just changed here.
    pub fn forget(&self, connection: ConnectionId) {
        let mut remembered = lock(&self.0.remembered);
        remembered.remove(&Named::Connection(connection));
        // An App's candidates may hold the same secret.
        remembered.retain(|named, _| matches!(named, Named::Connection(_)));
    }

    async fn read(
        &self,
        named: Named,
        remembered_will_do: bool,
        read: impl AsyncFnOnce() -> Result<Arc<[Source]>, Error>,
    ) -> Result<Found, Error> {
        let came = Instant::now();
        let seat = self.0.seat(named);
        let mut last = seat.turn.lock().await;
        if let Some((began, told)) = &*last
            && *began > came
        {
            return same(told);
        }
        if remembered_will_do && let Some(found) = self.0.recall(named) {
            return Ok(found);
        }
        let at = Instant::now();
        let told = read().await.map(|sources| Found { named, at, sources });
        // What is not there is not remembered: anybody can name anything.
        if let Ok(found) = &told
            && !found.sources.is_empty()
        {
            self.0.remember(found);
        }
        *last = Some((at, same(&told)));
        told
    }
}

impl Memory {
    fn recall(&self, named: Named) -> Option<Found> {
        let remembered = lock(&self.remembered);
        let found = remembered.get(&named)?;
        (found.at.elapsed() < REMEMBERED).then(|| found.clone())
    }

    fn remember(&self, found: &Found) {
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= MOST {
            remembered.clear();
        }
        remembered.insert(found.named, found.clone());
    }

    fn seat(&self, named: Named) -> Seat<'_> {
        let turn = lock(&self.turns).entry(named).or_default().clone();
        Seat {
            memory: self,
            named,
            turn,
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut turns = lock(&self.memory.turns);
        // Ours and the table's: nobody takes another while the table is locked.
        if Arc::strong_count(&self.turn) == 2 {
            turns.remove(&self.named);
        }
    }
}

/// What somebody else was told.
fn same(told: &Result<Found, Error>) -> Result<Found, Error> {
    match told {
        Ok(found) => Ok(found.clone()),
        Err(Error::Unavailable(StoreError::Unavailable(error))) => Err(Error::Unavailable(
            StoreError::Unavailable(sqlx::Error::Protocol(error.to_string())),
        )),
        Err(error) => Err(Error::Internal(error.to_string())),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
