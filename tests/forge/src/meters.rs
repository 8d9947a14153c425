//! Request budgets: how much of a window somebody has used.
//!
//! A window opens with its first request and turns over by the forge's clock; a rolling one (Bitbucket) gives each unit back
//! when it is as old as the window is long. A request takes its unit before the work
//! and may be given it back (GitHub does not count a 304), so two requests at once cannot both have the last unit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::face::Face;
use crate::model::OwnerId;

/// Whose budget: a user's with one provider, or that of all who come without a token.
pub(crate) type Key = (Face, Option<OwnerId>);

/// A budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) limit: u32,
    pub(crate) used: u32,
    pub(crate) reset: DateTime<Utc>,
}

impl Reading {
    pub(crate) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[derive(Default)]
pub(crate) struct Meters(Mutex<HashMap<Key, Window>>);

struct Window {
    used: u32,
    reset: DateTime<Utc>,
    /// When each unit was taken, oldest first; kept where the window rolls.
    taken: Option<VecDeque<DateTime<Utc>>>,
}

/// Whether a provider's window rolls instead of turning over.
fn rolls(face: Face) -> bool {
    face == Face::Bitbucket
}

impl Meters {
    /// Takes one unit; `Err` where none was left.
    pub(crate) fn take(
        &self,
        key: Key,
        limit: u32,
        length: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Reading, Reading> {
        let mut windows = self.lock();
        let window = Window::current(&mut windows, key, length, now);
        let spent = window.used >= limit;
        if !spent {
            window.used += 1;
            if let Some(taken) = &mut window.taken {
                taken.push_back(now);
            }
        }
        let reading = window.read(limit);
        match spent {
            true => Err(reading),
            false => Ok(reading),
        }
    }

    /// Gives one unit back.
    pub(crate) fn give_back(&self, key: Key, limit: u32) -> Option<Reading> {
        let mut windows = self.lock();
        let window = windows.get_mut(&key)?;
        window.used = window.used.saturating_sub(1);
        Some(window.read(limit))
    }

    /// The state of a budget, which this does not touch.
    pub(crate) fn read(
        &self,
        key: Key,
        limit: u32,
        length: TimeDelta,
        now: DateTime<Utc>,
    ) -> Reading {
        Window::current(&mut self.lock(), key, length, now).read(limit)
    }

    /// Sets how much is used in a window that begins now.
    pub(crate) fn set_used(&self, key: Key, used: u32, length: TimeDelta, now: DateTime<Utc>) {
        let reset = now + length;
        let taken = rolls(key.0).then(|| (0..used).map(|_| now).collect());
        let window = Window { used, reset, taken };
        self.lock().insert(key, window);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn current(
        windows: &mut HashMap<Key, Window>,
        key: Key,
        length: TimeDelta,
        now: DateTime<Utc>,
    ) -> &mut Window {
        let fresh = || Window {
            used: 0,
            reset: now + length,
            taken: rolls(key.0).then(VecDeque::new),
        };
        let window = windows.entry(key).or_insert_with(fresh);
        if let Some(taken) = &mut window.taken {
            while taken.front().is_some_and(|at| *at + length <= now) {
                taken.pop_front();
            }
            window.used = u32::try_from(taken.len()).unwrap_or(u32::MAX);
            window.reset = taken.front().map_or(now, |at| *at) + length;
        } else if window.reset <= now {
            *window = fresh();
        }
        window
    }

    fn read(&self, limit: u32) -> Reading {
        Reading {
            limit,
            used: self.used.min(limit),
            reset: self.reset,
        }
    }
}
