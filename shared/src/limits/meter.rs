//! The meter that an opened credential carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::budgets::{Budgets, Flight};
use super::trials::Trials;
use super::{Limits, Subject};
use crate::domain::ids::{ConnectionId, TrialId};
use crate::domain::meter::{CallClass, HeldBack, Leave, Meter, Reading, Standing};
use crate::store::sweeps::Trial;

/// A refusal so long before a credential was opened is this opening's too: whoever was refused has not
/// written it down yet.
const OVERLAP: TimeDelta = TimeDelta::seconds(10);

/// See the module.
pub(super) struct Metered {
    budgets: Arc<Budgets>,
    trials: Trials,
    class: CallClass,
    /// Whose window.
    account: String,
    /// `None` where a refusal is no failed authentication.
    trial: Option<Trial>,
    connection: ConnectionId,
    generation: i64,
    /// Held by the request that tries the credential: the others of this opening wait for it.
    trying: Arc<Mutex<()>>,
    refusals: AtomicUsize,
}

struct Asked {
    meter: Arc<Metered>,
    flight: Flight,
    /// Taken for this request, and not ended yet.
    tried: Option<OwnedMutexGuard<()>>,
}

impl Metered {
    pub(super) fn new(limits: &Limits, subject: &Subject, class: CallClass) -> Self {
        let now = limits.clock.now();
        let host = subject.instance.base_url();
        let since = if subject.insist { now } else { now - OVERLAP };
        let whose = match &subject.account {
            Some(account) => format!("account:{account}"),
            None => format!("connection:{}", subject.connection),
        };
        let trial = Trial {
            host: host.clone(),
            key: format!("{}:{}", subject.connection, subject.version),
            organization: subject.organization,
            asker: subject.asker.unwrap_or_else(|| TrialId::new(now).0),
            proven: subject.proven,
            pasted: false,
            since,
        };
        Self {
            budgets: limits.budgets.clone(),
            trials: limits.trials.clone(),
            class,
            account: format!("{host}|{whose}"),
            trial: (!subject.minted).then_some(trial),
            connection: subject.connection,
            generation: subject.generation,
            trying: Arc::default(),
            refusals: AtomicUsize::new(0),
        }
    }

    /// Waits for leave to present the credential, where it needs one.
    async fn tried(&self) -> Result<Option<OwnedMutexGuard<()>>, HeldBack> {
        let Some(trial) = self.trial.as_ref().filter(|_| !self.is_warm()) else {
            return Ok(None);
        };
        let refusals = self.refusals.load(Ordering::SeqCst);
        let trying = self.trying.clone().lock_owned().await;
        // A question behind another may be taken where that was refused, a question beside it not.
        if self.refusals.load(Ordering::SeqCst) != refusals {
            return Err(HeldBack::Refused);
        }
        let taken = self.trials.take(trial, || self.is_warm()).await?;
        Ok(taken.then_some(trying))
    }

    fn is_warm(&self) -> bool {
        self.trials.is_warm(self.connection, self.generation)
    }
}

impl std::fmt::Debug for Metered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metered")
            .field("account", &self.account)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Meter for Metered {
    async fn leave(self: Arc<Self>) -> Result<Box<dyn Leave>, HeldBack> {
        let flight = self.budgets.take(&self.account, self.class).await?;
        let tried = self.tried().await?;
        Ok(Box::new(Asked {
            meter: self,
            flight,
            tried,
        }))
    }
}

#[async_trait]
impl Leave for Asked {
    async fn told(mut self: Box<Self>, reading: Reading) {
        self.flight.told(&reading);
        let meter = self.meter.clone();
        let Some(trial) = &meter.trial else { return };
        // Held until it is written down.
        let tried = self.tried.take();
        match reading.standing {
            Standing::Accepted => {
                meter.trials.warm(meter.connection, meter.generation);
                if tried.is_some() {
                    meter.trials.passed(trial, Some(meter.connection)).await;
                }
            }
            Standing::Refused => {
                meter.refusals.fetch_add(1, Ordering::SeqCst);
                meter.trials.cold(meter.connection);
                meter.trials.failed(trial).await;
            }
            Standing::Limited(_) | Standing::Untold => {
                if tried.is_some() {
                    meter.trials.released(trial).await;
                }
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let (Some(_), Some(trial)) = (&self.tried, &self.meter.trial) {
            self.meter.trials.release_later(trial);
        }
    }
}
