//! Tokens of installations, in memory.
//!
//! Properties: at most one token is minted at a time for the same key, installation and narrowing,
//! and those who ask meanwhile wait for it, and share its failure too: fifty jobs of one connection
//! cost one request, and a host sees one refusal and not fifty. A token is given out until five
//! minutes before its end. The memory is bounded.
//!
//! What a token is remembered under contains a digest of the key that bought it. An App's and an
//! installation's numbers are public: whoever wrote them beside a key of his own making would
//! otherwise be given what somebody else's key has bought.
//!
//! Races: whoever mints may be dropped in the middle (a caller that went away); the lock is free then
//! and the next one mints. A token that was refused is forgotten only if it is still the one that is
//! held. A slot that is dropped for want of room while somebody mints costs one more minting.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::domain::secret::ExposeSecret;
use crate::providers::{App, InstallationToken, Narrowing, ProviderError};

/// So long before its end a token is no longer given out: what is begun with it must end with it.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Tokens that are remembered at most, of about a kilobyte each.
const MOST: usize = 10_000;

/// What a token is remembered under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bought {
    api_url: String,
    app: i64,
    key_sha256: [u8; 32],
    installation: i64,
    pub(super) narrowing: Narrowing,
}

impl Bought {
    pub(super) fn by(app: &App, installation: i64, narrowing: Narrowing) -> Self {
        Self {
            api_url: app.instance.api_url.to_string(),
            app: app.id,
            key_sha256: Sha256::digest(app.private_key.expose_secret()).into(),
            installation,
            narrowing,
        }
    }
}

/// A token and when it was minted.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) minted: InstallationToken,
    pub(super) at: DateTime<Utc>,
}

/// The tokens of this process. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct MintedTokens {
    slots: Arc<Mutex<HashMap<Bought, Arc<Slot>>>>,
}

#[derive(Default)]
struct Slot {
    state: tokio::sync::Mutex<State>,
    /// Mintings that were answered, so that whoever waited for one knows it.
    answered: AtomicU64,
    /// Microseconds since 1970.
    last_used: AtomicI64,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    failed: Option<ProviderError>,
}

impl MintedTokens {
    /// The token that is held, or a new one.
    pub(super) async fn get<F>(
        &self,
        key: &Bought,
        clock: &Clock,
        mint: impl FnOnce() -> F + Send,
    ) -> Result<Arc<Held>, ProviderError>
    where
        F: Future<Output = Result<InstallationToken, ProviderError>> + Send,
    {
        let slot = self.slot(key, clock.now());
        let seen = slot.answered.load(Ordering::SeqCst);
        let mut state = slot.state.lock().await;
        let good = |held: &&Arc<Held>| held.minted.expires_at - MARGIN > clock.now();
        if let Some(held) = state.held.as_ref().filter(good) {
            return Ok(held.clone());
        }
        if let Some(error) = &state.failed
            && slot.answered.load(Ordering::SeqCst) != seen
        {
            return Err(error.clone());
        }
        let answer = mint().await;
        slot.answered.fetch_add(1, Ordering::SeqCst);
        match answer {
            Ok(minted) => {
                let at = clock.now();
                let held = Arc::new(Held { minted, at });
                *state = State {
                    held: Some(held.clone()),
                    failed: None,
                };
                Ok(held)
            }
            Err(error) => {
                *state = State {
                    held: None,
                    failed: Some(error.clone()),
                };
                Err(error)
            }
        }
    }

    /// Forgets a token that was refused, unless another one has taken its place.
    pub(super) async fn forget(&self, key: &Bought, refused: &Arc<Held>) {
        let slot = self.lock().get(key).cloned();
        if let Some(slot) = slot {
            let mut state = slot.state.lock().await;
            state.held.take_if(|held| Arc::ptr_eq(held, refused));
        }
    }

    fn slot(&self, key: &Bought, now: DateTime<Utc>) -> Arc<Slot> {
        let mut slots = self.lock();
        if slots.len() >= MOST && !slots.contains_key(key) {
            make_room(&mut slots);
        }
        let slot = slots.entry(key.clone()).or_default().clone();
        drop(slots);
        slot.last_used
            .store(now.timestamp_micros(), Ordering::Relaxed);
        slot
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bought, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops the quarter that was not used for longest: seldom, so that it costs little on average.
fn make_room(slots: &mut HashMap<Bought, Arc<Slot>>) {
    let used = |slot: &Arc<Slot>| slot.last_used.load(Ordering::Relaxed);
    let mut times: Vec<i64> = slots.values().map(used).collect();
    let quarter = times.len() / 4;
    let (_, limit, _) = times.select_nth_unstable(quarter);
    let limit = *limit;
    let before = slots.len();
    slots.retain(|_, slot| used(slot) > limit);
    tracing::debug!(
        dropped = before - slots.len(),
        "room for more tokens of installations"
    );
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
