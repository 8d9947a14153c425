//! Failed authentications, counted before they happen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::ids::{ConnectionId, OrganizationId, TrialId};
use crate::domain::meter::HeldBack;
use crate::domain::provider::Instance;
use crate::store::Db;
use crate::store::sweeps::{self, Allowance, Trial, TrialVerdict};

/// What a host lets us do. GitLab bans an address after 30 failed authentications within three
/// minutes (`rack_attack`'s default for a self-managed instance); GitHub and Bitbucket name no number
/// and are taken to be as strict.
pub const ALLOWANCE: Allowance = Allowance {
    window: TimeDelta::minutes(3),
    most: 25,
    unproven: 15,
    // A fifth.
    share: 5,
    pasted_window: TimeDelta::minutes(10),
    pasted: 10,
    // A question takes half a minute at most.
    lease: Duration::from_secs(40),
};

/// Seen to work within this, a credential needs no trial.
const WARM: TimeDelta = TimeDelta::minutes(10);
/// Warm credentials that make it worth looking for cold ones.
const CROWDED: usize = 100_000;
/// Between two looks whether there is a place.
const LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_millis(600);
/// How long a place is waited for while others are under way, and when to come again.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: TimeDelta = TimeDelta::seconds(5);

/// The trials of this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Trials {
    db: Db,
    clock: Clock,
    warm: Arc<Mutex<Warm>>,
}

/// Which generation was seen to work when.
type Warm = HashMap<ConnectionId, (i64, DateTime<Utc>)>;

/// What somebody has pasted is being presented.
#[must_use = "what came of it has to be told"]
pub struct Attempt {
    trials: Trials,
    trial: Trial,
    open: bool,
}

/// Why what somebody has pasted is not presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// The host's allowance is used up: not before then.
    HeldBack(DateTime<Utc>),
    /// Too many that this organization has pasted were refused: not before then.
    TooMany(DateTime<Utc>),
}

impl Trials {
    pub(super) fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            warm: Arc::default(),
        }
    }

    pub(super) fn warm(&self, connection: ConnectionId, generation: i64) {
        let now = self.clock.now();
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.len() >= CROWDED {
            warm.retain(|_, (_, at)| *at > now - WARM);
        }
        warm.insert(connection, (generation, now));
    }

    pub(super) fn is_warm(&self, connection: ConnectionId, generation: i64) -> bool {
        let now = self.clock.now();
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.get(&connection)
            .is_some_and(|(known, at)| *known == generation && *at > now - WARM)
    }

    pub(super) fn cold(&self, connection: ConnectionId) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.remove(&connection);
    }

    /// Waits for leave to present a credential; `false` where it has become warm meanwhile, which
    /// needs none.
    pub(super) async fn take(
        &self,
        trial: &Trial,
        is_warm: impl Fn() -> bool,
    ) -> Result<bool, HeldBack> {
        match self.wait(trial, is_warm).await {
            None => Ok(false),
            Some(TrialVerdict::Taken) => Ok(true),
            Some(TrialVerdict::Refused) => Err(HeldBack::Refused),
            Some(TrialVerdict::Full(until) | TrialVerdict::TooManyPasted(until)) => {
                Err(HeldBack::Until(until))
            }
            Some(TrialVerdict::Wait) => Err(HeldBack::Until(self.clock.now() + AGAIN)),
        }
    }

    /// [`TrialVerdict::Wait`] where patience has ended; `None` where no leave is needed.
    async fn wait(&self, trial: &Trial, is_warm: impl Fn() -> bool) -> Option<TrialVerdict> {
        let until = Instant::now() + PATIENCE;
        let mut look = LOOK;
        loop {
            if is_warm() {
                return None;
            }
            let now = self.clock.now();
            let said = sweeps::take_trial(&self.db.system(), trial, &ALLOWANCE, now).await;
            match said {
                Ok(TrialVerdict::Wait) | Err(_) if Instant::now() < until => {
                    tokio::time::sleep(look).await;
                    look = (look * 2).min(LONGEST_LOOK);
                }
                Ok(said) => return Some(said),
                Err(error) => {
                    tracing::warn!(%error, "a credential waits for the database to be tried");
                    return Some(TrialVerdict::Wait);
                }
            }
        }
    }

    /// See [`super::Limits::unproven`].
    pub(super) async fn pasted(
        &self,
        organization: OrganizationId,
        instance: &Instance,
    ) -> Result<Attempt, Pasted> {
        let now = self.clock.now();
        // Whoever has pasted too many waits for none of those under way.
        let since = now - ALLOWANCE.pasted_window;
        let system = self.db.system();
        let known = sweeps::too_many_pasted(&system, organization, since, ALLOWANCE.pasted).await;
        if let Ok(Some(oldest)) = known {
            return Err(Pasted::TooMany(oldest + ALLOWANCE.pasted_window));
        }
        let asker = TrialId::new(now).0;
        let trial = Trial {
            host: instance.base_url(),
            key: asker.to_string(),
            organization,
            asker,
            proven: false,
            pasted: true,
            since: now,
        };
        let open = match self.wait(&trial, || false).await {
            None => false,
            Some(TrialVerdict::Full(until)) => return Err(Pasted::HeldBack(until)),
            Some(TrialVerdict::TooManyPasted(until)) => return Err(Pasted::TooMany(until)),
            Some(TrialVerdict::Wait) => return Err(Pasted::HeldBack(now + AGAIN)),
            Some(TrialVerdict::Taken | TrialVerdict::Refused) => true,
        };
        Ok(Attempt {
            trials: self.clone(),
            trial,
            open,
        })
    }

    pub(super) async fn passed(&self, trial: &Trial, stored: Option<ConnectionId>) {
        let key = (trial.host.as_str(), trial.key.as_str());
        let now = self.clock.now();
        told(sweeps::pass_trial(&self.db.system(), key, stored, now).await);
    }

    pub(super) async fn failed(&self, trial: &Trial) {
        let now = self.clock.now();
        told(sweeps::fail_trial(&self.db.system(), trial, now).await);
    }

    pub(super) async fn released(&self, trial: &Trial) {
        told(sweeps::release_trial(&self.db.system(), trial).await);
    }

    /// Where nobody can wait for it.
    pub(super) fn release_later(&self, trial: &Trial) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (trials, trial) = (self.clone(), trial.clone());
            runtime.spawn(async move { trials.released(&trial).await });
        }
    }
}

impl Attempt {
    /// What came of it: whether the host took it, refused it, or said nothing.
    pub async fn ended(mut self, accepted: Option<bool>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        match accepted {
            Some(true) => self.trials.passed(&self.trial, None).await,
            Some(false) => self.trials.failed(&self.trial).await,
            None => self.trials.released(&self.trial).await,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.open {
            self.trials.release_later(&self.trial);
        }
    }
}

/// What is lost here counts until its lease ends.
fn told<E: std::fmt::Display>(outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "the end of a trial could not be written down");
    }
}
