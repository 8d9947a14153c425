//! Which handler a kind has.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use shared::queue::{Backoff, Cancellation, Job};

use super::context::JobContext;
use super::figures::{Figures, OfKind};
use super::verdict::Verdict;

/// Does the work of a kind. `C` is what the application gives to all its jobs; it is cloned for each.
///
/// A job runs at least once: a handler that ran half-way may be run again from its start, by another
/// process, so what it does must be the same done twice.
pub trait Handler<C>: Job {
    /// One attempt.
    fn run(self, context: JobContext<C>) -> impl Future<Output = Verdict> + Send;
}

type Run<C> =
    fn(JobContext<C>, &RawValue) -> Result<BoxFuture<'static, Verdict>, serde_json::Error>;

/// What the runtime knows of a kind.
pub(crate) struct Kind<C> {
    pub(crate) name: &'static str,
    pub(crate) run: Run<C>,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) cancellation: Cancellation,
    pub(crate) figures: Arc<OfKind>,
}

/// The kinds that a worker runs.
pub struct Registry<C> {
    kinds: HashMap<&'static str, Kind<C>>,
}

impl<C> fmt::Debug for Registry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}

impl<C: Clone + Send + Sync + 'static> Default for Registry<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clone + Send + Sync + 'static> Registry<C> {
    /// Without any.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kinds: HashMap::new(),
        }
    }

    /// Adds a kind.
    ///
    /// # Panics
    /// Where two kinds have one name.
    #[must_use]
    pub fn with<J: Handler<C>>(mut self) -> Self {
        let kind = Kind {
            name: J::KIND,
            run: |context, payload| {
                let payload: J = serde_json::from_str(payload.get())?;
                Ok(payload.run(context).boxed())
            },
            timeout: J::TIMEOUT,
            backoff: J::BACKOFF,
            cancellation: J::CANCELLATION,
            figures: Arc::default(),
        };
        let earlier = self.kinds.insert(J::KIND, kind);
        assert!(earlier.is_none(), "two kinds of job are called {}", J::KIND);
        self
    }

    /// The names of its kinds, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.kinds.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// What its kinds have run so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let kinds = self.kinds.values();
        Figures::new(
            kinds
                .map(|kind| (kind.name, Arc::clone(&kind.figures)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Kind<C>> {
        self.kinds.get(kind)
    }
}
