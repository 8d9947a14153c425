//! Gates hold requests until a test lets them go, so that races are driven and not hoped for.
//!
//! A gate stands before the work or after it. One before the work keeps a request from having happened; one after keeps
//! its answer from being known. A gate that is dropped is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Semaphore, watch};

use crate::log::Request;
use crate::matching::Match;

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Before anything is looked at or changed.
    BeforeWork,
    /// When the answer is made and what it changes has happened.
    AfterWork,
}

/// Holds the requests it means until they are let go.
pub struct Gate(Arc<Bar>);

struct Bar {
    when: Match,
    hold: Hold,
    passes: Semaphore,
    arrived: watch::Sender<usize>,
}

impl Gate {
    /// Waits until so many requests have come to the gate, those that were let go among them.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.0.arrived.subscribe();
        // The sender lives in the gate itself, so the wait can only end by its condition.
        let _ = arrived.wait_for(|held| *held >= count).await;
    }

    /// How many requests have come to the gate so far.
    pub fn count(&self) -> usize {
        *self.0.arrived.borrow()
    }

    /// Lets so many requests go: those held, in the order of their arrival, then those to come.
    pub fn release(&self, count: usize) {
        self.0.passes.add_permits(count);
    }

    /// Lets all requests go, now and later.
    pub fn open(&self) {
        self.0.passes.close();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

#[derive(Default)]
pub(crate) struct Gates(Mutex<Vec<Weak<Bar>>>);

impl Gates {
    pub(crate) fn add(&self, when: Match, hold: Hold) -> Gate {
        let bar = Arc::new(Bar {
            when,
            hold,
            passes: Semaphore::new(0),
            arrived: watch::Sender::new(0),
        });
        let mut gates = self.lock();
        gates.retain(|gate| gate.strong_count() > 0);
        gates.push(Arc::downgrade(&bar));
        Gate(bar)
    }

    /// Goes through every gate that means this request, one after the other.
    pub(crate) async fn pass(&self, request: &Request, at: Hold) {
        let bars: Vec<Arc<Bar>> = self.lock().iter().filter_map(Weak::upgrade).collect();
        for bar in bars {
            if bar.hold != at || !bar.when.meets(request) {
                continue;
            }
            bar.arrived.send_modify(|held| *held += 1);
            // A closed semaphore is an open gate.
            if let Ok(pass) = bar.passes.acquire().await {
                pass.forget();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Bar>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
