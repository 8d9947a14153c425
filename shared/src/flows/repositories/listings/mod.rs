//! What the identity of a connection may write to, as last seen: so that a picker which people type
//! into costs no quota.
//!
//! Needs: the answer must be live; the provider's quota is for work; a process has bounded memory.
//! Design: per process and connection, in memory. What was read moments ago is answered as it is;
//! what was read before is asked for again by its ETags, which costs nothing at GitHub where nothing
//! changed. Callers of one connection wait for one reading. A listing belongs to one version of the
//! credential, which may see other repositories than the next.
//! Listings that are looked at page by page, and branches, have a memory of answers instead
//! (`remembered`), and are always asked for.
//! Bounds: rows in all; a listing goes when nobody has asked for it in a while, the longest unused
//! one first where there is no room. One that is larger than all the room is read, and not kept.

mod read;
mod remembered;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::meter::CallClass;
use crate::flows::{Context, Error};
use crate::session::{self, explain};

use read::Listing;
pub use read::Writable;
use remembered::Memories;

/// Answered as it is so long.
const FRESH: TimeDelta = TimeDelta::seconds(10);
/// Kept so long after it was last asked for.
const KEPT: TimeDelta = TimeDelta::minutes(10);
/// Rows in all: some 50 MB.
const MOST_ROWS: usize = 200_000;

/// Listings by connection.
#[derive(Default)]
pub struct Listings {
    memories: Memories,
    slots: Mutex<HashMap<ConnectionId, Known>>,
}

struct Known {
    used_at: DateTime<Utc>,
    rows: usize,
    slot: Arc<tokio::sync::Mutex<Option<Seen>>>,
}

struct Seen {
    version: i64,
    at: DateTime<Utc>,
    listing: Arc<Listing>,
}

impl std::fmt::Debug for Listings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listings")
            .field("connections", &self.lock().len())
            .finish()
    }
}

impl Listings {
    /// What the connection's identity may write to now, each repository once.
    ///
    /// # Errors
    /// What the provider's refusal means for whoever waits.
    pub(super) async fn writable(
        &self,
        context: &Context,
        connection: Connection,
    ) -> Result<Vec<Writable>, Error> {
        let id = connection.id;
        let slot = self.slot(id, context.clock.now());
        let mut seen = slot.lock().await;
        let mut session = session::open(context, connection, CallClass::Interactive).await?;
        let now = context.clock.now();
        let known = seen.take().filter(|seen| seen.version == session.version);
        if let Some(fresh) = known.as_ref().filter(|seen| now - seen.at < FRESH) {
            let rows = fresh.listing.rows();
            *seen = known;
            return Ok(rows);
        }
        let before = known.as_ref().map(|seen| Arc::clone(&seen.listing));
        let answer = session::ask!(context, session, read::listing(&session, before.as_deref()));
        let listing = match answer {
            Ok(listing) => Arc::new(listing),
            Err(error) => {
                *seen = known;
                return Err(explain(session.provider.kind(), &error));
            }
        };
        let rows = listing.rows();
        if self.admit(id, listing.size(), now) {
            *seen = Some(Seen {
                version: session.version,
                at: now,
                listing,
            });
        }
        Ok(rows)
    }

    fn slot(&self, id: ConnectionId, now: DateTime<Utc>) -> Arc<tokio::sync::Mutex<Option<Seen>>> {
        let mut slots = self.lock();
        slots.retain(|other, known| *other == id || now - known.used_at < KEPT);
        let known = slots.entry(id).or_insert_with(|| Known {
            used_at: now,
            rows: 0,
            slot: Arc::default(),
        });
        known.used_at = now;
        Arc::clone(&known.slot)
    }

    /// Makes room for a listing; false where there is none.
    fn admit(&self, id: ConnectionId, rows: usize, now: DateTime<Utc>) -> bool {
        let mut slots = self.lock();
        match slots.get_mut(&id) {
            Some(known) if rows <= MOST_ROWS => (known.rows, known.used_at) = (rows, now),
            _ => {
                slots.remove(&id);
            }
        }
        while slots.values().map(|known| known.rows).sum::<usize>() > MOST_ROWS {
            let others = slots.iter().filter(|(other, _)| **other != id);
            let Some(oldest) = others
                .min_by_key(|(_, known)| known.used_at)
                .map(|(id, _)| *id)
            else {
                break;
            };
            slots.remove(&oldest);
        }
        slots.contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Known>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
