//! The handle: one forge, shared by a test and by the faces that it is served through.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{Clock, system_clock};
use crate::face::Face;
use crate::faults::{Fault, FaultId, Faults};
use crate::gates::{Gate, Gates, Hold};
use crate::log::{Log, Request};
use crate::matching::Match;
use crate::meters::Meters;
use crate::model::{OwnerId, RepositoryId, RepositorySpec, Role, State, TokenId, TokenSpec};
use crate::views::{Pages, Views};

/// A forge. Clones are handles on the same one.
#[derive(Clone)]
pub struct Forge {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    state: RwLock<State>,
    clock: Clock,
    latency: Mutex<HashMap<Face, Duration>>,
    /// How many requests a provider works on at once, where that is bounded.
    places: Mutex<HashMap<Face, Arc<Semaphore>>>,
    pub(crate) views: Views,
    pub(crate) pages: Pages,
    pub(crate) meters: Meters,
    pub(crate) faults: Faults,
    pub(crate) gates: Gates,
    pub(crate) log: Log,
}

impl Default for Forge {
    fn default() -> Self {
        Self::new(system_clock(), 1)
    }
}

impl Forge {
    /// An empty forge with its own time. Token secrets follow from `seed`: two forges that shall not know each other's
    /// tokens need different ones.
    pub fn new(clock: Clock, seed: u64) -> Self {
        let inner = Inner {
            state: RwLock::new(State::new(clock.clone(), seed)),
            clock,
            latency: Mutex::default(),
            places: Mutex::default(),
            views: Views::default(),
            pages: Pages::default(),
            meters: Meters::default(),
            faults: Faults::default(),
            gates: Gates::default(),
            log: Log::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Looks at the forge. No request is answered from a half-made edit. Must not be called from within itself or
    /// [`Forge::edit`].
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let state = self.inner.state.read();
        look(&state.unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the forge, at once for all faces.
    pub fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let state = self.inner.state.write();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        change(&mut state)
    }

    /// The present moment of the forge's clock.
    pub fn now(&self) -> DateTime<Utc> {
        (self.inner.clock)()
    }

    /// Makes a user; see [`State::add_user`].
    pub fn add_user(&self, login: &str) -> OwnerId {
        self.edit(|state| state.add_user(login))
    }

    /// Makes an organization or top-level group; see [`State::add_organization`].
    pub fn add_organization(&self, login: &str, members: &[(&str, Role)]) -> OwnerId {
        self.edit(|state| state.add_organization(login, members))
    }

    /// Makes a repository; see [`State::add_repository`].
    pub fn add_repository(&self, owner: &str, spec: RepositorySpec) -> RepositoryId {
        self.edit(|state| state.add_repository(owner, spec))
    }

    /// Makes `count` private repositories named `repo-00001` and on; see [`State::add_repositories`].
    pub fn add_repositories(&self, owner: &str, count: usize) -> Vec<RepositoryId> {
        self.edit(|state| state.add_repositories(owner, "repo", count))
    }

    /// Makes a token and answers its secret; see [`State::mint`].
    pub fn mint(&self, spec: TokenSpec) -> String {
        self.edit(|state| state.mint(spec))
    }

    /// Takes a token back; see [`State::revoke`].
    pub fn revoke(&self, secret: &str) -> bool {
        self.edit(|state| state.revoke(secret))
    }

    /// The id of a token, by which the log and [`Match::token`] know it.
    pub fn token_id(&self, secret: &str) -> Option<TokenId> {
        self.read(|state| state.token_of_secret(secret).map(|token| token.id))
    }

    /// Sets a fault.
    pub fn fault(&self, fault: Fault) -> FaultId {
        self.inner.faults.add(fault)
    }

    /// Takes a fault away.
    pub fn remove_fault(&self, id: FaultId) {
        self.inner.faults.remove(id);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// How many requests a fault has hit.
    pub fn hits(&self, id: FaultId) -> u64 {
        self.inner.faults.hits(id)
    }

    /// Holds every request so described until the gate lets it go.
    pub fn gate(&self, when: Match, hold: Hold) -> Gate {
        self.inner.gates.add(when, hold)
    }

    /// Every answer of this provider takes so much longer.
    pub fn set_latency(&self, face: Face, latency: Duration) {
        let held = self.inner.latency.lock();
        held.unwrap_or_else(PoisonError::into_inner)
            .insert(face, latency);
    }

    pub(crate) fn latency(&self, face: Face) -> Duration {
        let held = self.inner.latency.lock();
        let held = held.unwrap_or_else(PoisonError::into_inner);
        held.get(&face).copied().unwrap_or_default()
    }

    /// This provider works on so many requests at once, from now on; others wait for their turn.
    pub fn set_at_once(&self, face: Face, most: usize) {
        let held = self.inner.places.lock();
        held.unwrap_or_else(PoisonError::into_inner)
            .insert(face, Arc::new(Semaphore::new(most)));
    }

    /// A place among those that are worked on; `None` where there is no bound.
    pub(crate) async fn place(&self, face: Face) -> Option<OwnedSemaphorePermit> {
        let places = {
            let held = self.inner.places.lock();
            held.unwrap_or_else(PoisonError::into_inner)
                .get(&face)
                .cloned()
        };
        places?.acquire_owned().await.ok()
    }

    /// Leaves a user so many requests in a window of the provider that begins now.
    ///
    /// # Panics
    /// Where there is no such user.
    pub fn set_remaining(&self, face: Face, login: &str, remaining: u32) {
        let user = self.read(|state| match state.owner_named(login) {
            Some(owner) => owner.id,
            None => panic!("`{login}` is no account of this forge"),
        });
        self.set_budget(face, user, remaining);
    }

    pub(crate) fn set_budget(&self, face: Face, user: OwnerId, remaining: u32) {
        let limit = self.read(|state| state.limit(face, Some(user)).unwrap_or(u32::MAX));
        let used = limit.saturating_sub(remaining);
        let key = (face, Some(user));
        let window = window_of(face);
        self.inner.meters.set_used(key, used, window, self.now());
    }

    /// The requests so described that arrived and are still kept, oldest first.
    pub fn requests(&self, which: &Match) -> Vec<Request> {
        self.inner.log.select(which)
    }

    /// How many of them there are.
    pub fn count(&self, which: &Match) -> usize {
        self.inner.log.count(which, false)
    }

    /// Waits until `count` requests so described have arrived.
    pub async fn wait_arrived(&self, which: &Match, count: usize) {
        self.inner.log.wait(which, count, false).await;
    }

    /// Waits until `count` requests so described have been answered.
    pub async fn wait_answered(&self, which: &Match, count: usize) {
        self.inner.log.wait(which, count, true).await;
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.inner.log.clear();
    }
}

/// Length of a provider's window of requests.
pub(crate) fn window_of(face: Face) -> TimeDelta {
    match face {
        Face::GitHub => TimeDelta::hours(1),
        Face::GitLab => TimeDelta::minutes(1),
        Face::Bitbucket => TimeDelta::hours(1),
        Face::Azure => TimeDelta::minutes(5),
    }
}

impl State {
    /// Requests per window of a user, or of those without a token; `None` is without limit.
    pub(crate) fn limit(&self, face: Face, user: Option<OwnerId>) -> Option<u32> {
        let own = user.and_then(|id| self.owner(id)?.user());
        match face {
            Face::GitHub if user.is_none() => Some(self.settings.github.anonymous_limit),
            Face::GitHub => own
                .and_then(|user| user.github_limit)
                .or(Some(self.settings.github.core_limit)),
            Face::GitLab => own
                .and_then(|user| user.gitlab_limit)
                .or(self.settings.gitlab.limit_per_minute),
            Face::Bitbucket if user.is_none() => Some(self.settings.bitbucket.anonymous_limit),
            Face::Bitbucket => Some(self.settings.bitbucket.limit_per_hour),
            Face::Azure => self.settings.azure.limit_per_window,
        }
    }
}
