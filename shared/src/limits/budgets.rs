//! The windows of this process, and how they are told to the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, OnceCell};

use super::share::Share;
use super::window::{Admission, Window};
use crate::clock::Clock;
use crate::domain::meter::{CallClass, HeldBack, Reading};
use crate::store::sweeps::{Budget, SharedBudget};

/// Between two exchanges with the others.
const EVERY: Duration = Duration::from_millis(500);
/// A process that came is known to the others after this.
const HEARD: Duration = Duration::from_millis(1_500);
/// In one statement.
const BATCH: usize = 1_000;
/// Windows that make it worth looking for some that nobody uses.
const CROWDED: usize = 10_000;
/// Unused for so long a window is forgotten: the others have it.
const IDLE: TimeDelta = TimeDelta::minutes(10);

/// The windows of all accounts that this process asks for.
pub(super) struct Budgets {
    share: Share,
    clock: Clock,
    holder: Arc<str>,
    cells: Mutex<HashMap<Arc<str>, Arc<Cell>>>,
    urgent: Arc<Notify>,
}

/// One account's.
pub(super) struct Cell {
    key: Arc<str>,
    state: Mutex<State>,
    /// Filled once the others were heard.
    heard: OnceCell<()>,
    freed: Notify,
}

struct State {
    window: Window,
    /// Used since the last exchange.
    used: bool,
    used_at: DateTime<Utc>,
    came: tokio::time::Instant,
}

/// One request under way.
pub(super) struct Flight {
    budgets: Arc<Budgets>,
    cell: Arc<Cell>,
}

impl Budgets {
    pub(super) fn start(share: Share, clock: Clock, holder: Arc<str>) -> Arc<Self> {
        let budgets = Arc::new(Self {
            share,
            clock,
            holder,
            cells: Mutex::default(),
            urgent: Arc::default(),
        });
        tokio::spawn(tell(Arc::downgrade(&budgets), budgets.urgent.clone()));
        budgets
    }

    /// The window of a key, read from the others where it is new here.
    pub(super) async fn cell(&self, key: &str) -> Arc<Cell> {
        let cell = self.known(key);
        cell.heard
            .get_or_init(|| async {
                self.exchange(std::slice::from_ref(&cell)).await;
            })
            .await;
        cell
    }

    fn known(&self, key: &str) -> Arc<Cell> {
        let now = self.clock.now();
        let mut cells = lock(&self.cells);
        if let Some(cell) = cells.get(key) {
            return cell.clone();
        }
        if cells.len() >= CROWDED {
            cells.retain(|_, cell| {
                let state = lock(&cell.state);
                state.window.in_flight > 0 || state.used_at > now - IDLE
            });
        }
        let cell = Arc::new(Cell {
            key: key.into(),
            state: Mutex::new(State {
                window: Window {
                    holders: 1,
                    newcomer: true,
                    ..Window::default()
                },
                used: true,
                used_at: now,
                came: tokio::time::Instant::now(),
            }),
            heard: OnceCell::new(),
            freed: Notify::new(),
        });
        cells.insert(cell.key.clone(), cell.clone());
        cell
    }

    /// Waits for a place among the requests of an account.
    pub(super) async fn take(
        self: &Arc<Self>,
        key: &str,
        class: CallClass,
    ) -> Result<Flight, HeldBack> {
        let cell = self.cell(key).await;
        loop {
            let freed = cell.freed.notified();
            tokio::pin!(freed);
            // Before the look, so that a place that is freed after it is not missed.
            freed.as_mut().enable();
            match cell.admit(class, self.clock.now()) {
                Admission::Go => break,
                Admission::Closed(until) => return Err(HeldBack::Until(until)),
                Admission::Wait => freed.await,
            }
        }
        Ok(Flight {
            budgets: self.clone(),
            cell,
        })
    }

    /// What was heard of a window whose requests are not counted.
    pub(super) async fn observe(&self, key: &str, reading: &Reading) {
        let cell = self.cell(key).await;
        if cell.observe(reading, self.clock.now()) {
            self.urgent.notify_one();
        }
    }

    /// Until when a window is parked.
    pub(super) async fn parked(&self, key: &str) -> Option<DateTime<Utc>> {
        let cell = self.cell(key).await;
        let now = self.clock.now();
        let mut state = lock(&cell.state);
        state.used_at = now;
        state.used = true;
        state.window.parked_until.filter(|until| *until > now)
    }

    async fn exchange(&self, cells: &[Arc<Cell>]) {
        for batch in cells.chunks(BATCH) {
            let mine: Vec<Budget> = batch.iter().map(|cell| cell.told()).collect();
            let now = self.clock.now();
            let Some(all) = self.share.exchange(&mine, &self.holder, now).await else {
                // Told again with the next.
                batch.iter().for_each(|cell| lock(&cell.state).used = true);
                continue;
            };
            let mut by_key: HashMap<String, SharedBudget> = all
                .into_iter()
                .map(|shared| (shared.budget.key.clone(), shared))
                .collect();
            for (cell, mine) in batch.iter().zip(&mine) {
                if let Some(shared) = by_key.remove(&*cell.key) {
                    cell.heard(&shared, mine.in_flight);
                }
            }
        }
    }
}

impl Cell {
    fn admit(&self, class: CallClass, now: DateTime<Utc>) -> Admission {
        let mut state = lock(&self.state);
        let said = state.window.admit(class, now);
        state.used = true;
        state.used_at = now;
        if said == Admission::Go {
            state.window.in_flight += 1;
        }
        said
    }

    /// Whether it is parked since.
    fn observe(&self, reading: &Reading, now: DateTime<Utc>) -> bool {
        let mut state = lock(&self.state);
        let parked = state.window.parked_until;
        state.window.observe(reading, now);
        state.used = true;
        state.used_at = now;
        state.window.parked_until != parked
    }

    fn told(&self) -> Budget {
        let mut state = lock(&self.state);
        state.used = false;
        Budget {
            key: self.key.to_string(),
            rate: state.window.rate,
            parked_until: state.window.parked_until,
            in_flight: state.window.in_flight,
        }
    }

    /// What the others have said, when we told them of so many in flight.
    fn heard(&self, shared: &SharedBudget, told: u32) {
        let mut state = lock(&self.state);
        // By what was heard this late, and not by the time alone: the others may have been slow to tell.
        if state.came.elapsed() > HEARD {
            state.window.newcomer = false;
        }
        state.window.merge(&shared.budget.rate);
        if let Some(until) = shared.budget.parked_until {
            state.window.park(until);
        }
        state.window.holders = shared.holders.max(1);
        state.window.others = shared.others;
        state.window.told = told;
        drop(state);
        self.freed.notify_waiters();
    }
}

impl Flight {
    /// What its answer said of the window.
    pub(super) fn told(&self, reading: &Reading) {
        let now = self.budgets.clock.now();
        if self.cell.observe(reading, now) {
            self.budgets.urgent.notify_one();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        lock(&self.cell.state).window.in_flight -= 1;
        self.cell.freed.notify_waiters();
    }
}

/// Tells the others of the windows in use, and hears of them, for as long as somebody holds them.
async fn tell(budgets: Weak<Budgets>, urgent: Arc<Notify>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = urgent.notified() => {}
        }
        let Some(budgets) = budgets.upgrade() else {
            return;
        };
        let used: Vec<Arc<Cell>> = lock(&budgets.cells)
            .values()
            .filter(|cell| lock(&cell.state).used)
            .cloned()
            .collect();
        if !used.is_empty() {
            budgets.exchange(&used).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
