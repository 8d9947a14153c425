//! The memories of connections whose live listings and branches somebody looks at.
//!
//! Each is of one connection and one grant: another token may see other things, and ETags of one may
//! mean nothing for the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::KEPT;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::meter::CallClass;
use crate::flows::{Context, Error};
use crate::providers::{Memory, Providers};
use crate::session::{self, Session};

/// Bytes of all of them.
const MOST_BYTES: usize = 64 << 20;
/// Connections in all.
const MOST: usize = 1_000;

/// By connection.
#[derive(Default)]
pub(super) struct Memories(Mutex<HashMap<ConnectionId, Slot>>);

struct Slot {
    generation: i64,
    used_at: DateTime<Utc>,
    memory: Arc<Memory>,
    providers: Arc<Providers>,
}

impl super::Listings {
    /// Opens a connection to be looked at: what is read through it is asked for by its ETags where it
    /// was read lately. The context goes with the session.
    ///
    /// # Errors
    /// As [`session::open`].
    pub(in crate::flows::repositories) async fn look_at(
        &self,
        context: &Context,
        connection: Connection,
    ) -> Result<(Context, Session), Error> {
        let (id, now) = (connection.id, context.clock.now());
        let (providers, generation) = self.memories.providers(context, id, now);
        let remembering = Context {
            providers,
            ..context.clone()
        };
        let session = session::open(&remembering, connection, CallClass::Interactive).await?;
        if generation == Some(session.generation) {
            return Ok((remembering, session));
        }
        // Of another grant, or of none yet.
        let providers = self.memories.begin(context, id, session.generation, now);
        let remembering = Context {
            providers,
            ..context.clone()
        };
        let session =
            session::open(&remembering, session.connection, CallClass::Interactive).await?;
        Ok((remembering, session))
    }
}

impl Memories {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn providers(
        &self,
        context: &Context,
        id: ConnectionId,
        now: DateTime<Utc>,
    ) -> (Arc<Providers>, Option<i64>) {
        let mut slots = self.lock();
        slots.retain(|_, slot| now - slot.used_at < KEPT);
        trim(&mut slots, id);
        match slots.get_mut(&id) {
            Some(slot) => {
                slot.used_at = now;
                (Arc::clone(&slot.providers), Some(slot.generation))
            }
            None => (Arc::clone(&context.providers), None),
        }
    }

    fn begin(
        &self,
        context: &Context,
        id: ConnectionId,
        generation: i64,
        now: DateTime<Utc>,
    ) -> Arc<Providers> {
        let memory = Arc::<Memory>::default();
        let providers = Arc::new(context.providers.remembering(&memory));
        let slot = Slot {
            generation,
            used_at: now,
            memory,
            providers: Arc::clone(&providers),
        };
        self.lock().insert(id, slot);
        providers
    }
}

/// Those that were used longest ago go where there is no room.
fn trim(slots: &mut HashMap<ConnectionId, Slot>, but: ConnectionId) {
    while slots.len() > MOST
        || slots
            .values()
            .map(|slot| slot.memory.bytes())
            .sum::<usize>()
            > MOST_BYTES
    {
        let others = slots.iter().filter(|(id, _)| **id != but);
        let Some(oldest) = others
            .min_by_key(|(_, slot)| slot.used_at)
            .map(|(id, _)| *id)
        else {
            return;
        };
        slots.remove(&oldest);
    }
}
