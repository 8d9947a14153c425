//! What the claimer knows of each lane: whether something is due in it, and from where to read.
//!
//! The cursor is what keeps the rate flat. A claimed row leaves a dead index entry at the head of
//! its lane, and while anybody holds an old snapshot no later scan may skip it for good: reading a
//! lane from its start costs more with every job taken (150,000 dead entries: 154 ms; past them:
//! 0.07 ms). So each claim goes on where the last one ended. What that may pass over, and who finds
//! it:
//! - *a job committed late*, with a due time before the cursor: the ring after its commit sets the
//!   cursor back a little ([`MARGIN`]); every survey sets it to the oldest queued job;
//! - *a job another claimer had locked* and then gave up: the survey.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::ids::OrganizationId;
use shared::domain::job::Priority;
use shared::queue::Lane;
use uuid::Uuid;

use super::ready::Ready;
use super::survey::Surveyed;

/// Between the moment a job takes its due time from the clock and its ring, over clocks that differ.
const MARGIN: TimeDelta = TimeDelta::milliseconds(100);
/// As above, where a survey found the lane empty: its cursor need not be as near.
const CLEARED: TimeDelta = TimeDelta::seconds(2);
/// An organization counts as having work for this long after it last had some: its next job must
/// not find every slot taken by long jobs of another.
const REMEMBERED: Duration = Duration::from_secs(10);
/// A lane that stays empty is forgotten, cursor and all.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// Where to read a lane from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) id: Uuid,
}

impl Cursor {
    pub(crate) const START: Self = Self {
        run_at: DateTime::UNIX_EPOCH,
        id: Uuid::nil(),
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Something is due.
    Due,
    /// Something will be due.
    Later(DateTime<Utc>),
    /// Nothing that may be claimed, as far as we know.
    Empty,
}

#[derive(Debug)]
struct Entry {
    cursor: Cursor,
    state: State,
    /// Its connection is being claimed from by another process: not before this.
    pause: Option<Instant>,
    /// The number of the last ring for it.
    rung: u64,
    /// When it was last taken from; the oldest goes first.
    turn: u64,
    touched: Instant,
}

/// The claimer's lanes.
#[derive(Debug, Default)]
pub(crate) struct LaneBook {
    lanes: HashMap<Lane, Entry>,
    places: Places,
    /// When an organization that has nothing due any more was last seen to have.
    active: HashMap<OrganizationId, Instant>,
    looked: Option<Instant>,
    turns: u64,
}

/// Where each lane is found by what it waits for.
#[derive(Debug, Default)]
struct Places {
    ready: Ready,
    later: BTreeSet<(DateTime<Utc>, Lane)>,
    paused: BTreeSet<(Instant, Lane)>,
    /// Lanes in which something is due.
    due: HashMap<OrganizationId, usize>,
}

impl Places {
    fn put(&mut self, lane: Lane, entry: &Entry) {
        match (entry.state, entry.pause) {
            (State::Empty, _) => return,
            (State::Later(at), _) => {
                self.later.insert((at, lane));
                return;
            }
            (State::Due, Some(until)) => {
                self.paused.insert((until, lane));
            }
            (State::Due, None) => self.ready.insert(lane, entry.turn),
        }
        *self.due.entry(lane.organization).or_default() += 1;
    }

    /// Undoes [`Places::put`]; says whether it was the last of its organization with something due.
    fn take(&mut self, lane: Lane, entry: &Entry) -> bool {
        match (entry.state, entry.pause) {
            (State::Empty, _) => return false,
            (State::Later(at), _) => {
                self.later.remove(&(at, lane));
                return false;
            }
            (State::Due, Some(until)) => {
                self.paused.remove(&(until, lane));
            }
            (State::Due, None) => self.ready.remove(&lane, entry.turn),
        }
        let due = self.due.entry(lane.organization).or_default();
        *due = due.saturating_sub(1);
        *due == 0 && self.due.remove(&lane.organization).is_some()
    }
}

impl LaneBook {
    fn entry(&mut self, lane: Lane, now: Instant) -> &mut Entry {
        let entry = self.lanes.entry(lane).or_insert(Entry {
            cursor: Cursor::START,
            state: State::Empty,
            pause: None,
            rung: 0,
            turn: 0,
            touched: now,
        });
        entry.touched = now;
        entry
    }

    /// Changes what is known of a lane, and where it is found.
    fn change(&mut self, lane: Lane, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.lanes.get_mut(&lane) else {
            return;
        };
        let last = self.places.take(lane, entry);
        change(entry);
        self.places.put(lane, entry);
        if let (true, Some(looked)) = (last, self.looked) {
            self.active.insert(lane.organization, looked);
        }
    }

    /// Something was committed in the lane.
    pub(crate) fn ring(&mut self, lane: Lane, ring: u64, time: DateTime<Utc>, now: Instant) {
        self.entry(lane, now);
        self.change(lane, |entry| {
            entry.rung = ring;
            entry.state = State::Due;
            let back = time - MARGIN;
            if entry.cursor.run_at > back {
                entry.cursor = Cursor {
                    run_at: back,
                    id: Uuid::nil(),
                };
            }
        });
    }

    /// A job was queued again, for a time that is known.
    pub(crate) fn due(&mut self, lane: Lane, at: DateTime<Utc>, ring: u64, now: Instant) {
        self.entry(lane, now);
        self.change(lane, |entry| {
            entry.rung = ring;
            entry.state = match entry.state {
                State::Due => State::Due,
                State::Later(known) => State::Later(known.min(at)),
                State::Empty => State::Later(at),
            };
            if entry.cursor.run_at >= at {
                entry.cursor = Cursor {
                    run_at: at,
                    id: Uuid::nil(),
                };
            }
        });
    }

    /// A place within the limits of this lane's connection became free.
    pub(crate) fn unblock(&mut self, lane: Lane, ring: u64) {
        for priority in Priority::ALL {
            for long in [false, true] {
                let other = Lane {
                    priority: priority.code(),
                    long,
                    ..lane
                };
                self.change(other, |entry| {
                    entry.state = State::Due;
                    entry.pause = None;
                    entry.rung = ring;
                });
            }
        }
    }

    /// Takes over what a survey found.
    pub(crate) fn survey(&mut self, survey: Surveyed, now: Instant) {
        let Surveyed {
            rings,
            began,
            lanes,
        } = survey;
        for entry in self.lanes.values_mut() {
            if entry.rung <= rings {
                entry.state = State::Empty;
            }
        }
        let cleared = began - CLEARED;
        for (lane, cursor) in lanes {
            let entry = self.entry(lane, now);
            entry.state = State::Later(cursor.run_at);
            entry.cursor = cursor;
        }
        for entry in self.lanes.values_mut() {
            // Nothing older was queued when the survey began.
            if entry.state == State::Empty && entry.cursor.run_at < cleared {
                entry.cursor = Cursor {
                    run_at: cleared,
                    id: Uuid::nil(),
                };
            }
        }
        self.lanes.retain(|_, entry| {
            entry.state != State::Empty || now.duration_since(entry.touched) < FORGOTTEN
        });
        // Everything may stand elsewhere now.
        let before = std::mem::take(&mut self.places);
        if let Some(looked) = self.looked {
            let seen = before.due.into_keys().map(|of| (of, looked));
            self.active.extend(seen);
        }
        for (lane, entry) in &self.lanes {
            self.places.put(*lane, entry);
        }
        self.active
            .retain(|_, last| now.duration_since(*last) < REMEMBERED);
    }

    /// What is to be looked at for a claim of at most `most` lanes while organizations hold these
    /// slots.
    pub(crate) fn due_lanes(
        &mut self,
        time: DateTime<Utc>,
        now: Instant,
        holds: &HashMap<OrganizationId, usize>,
        most: usize,
    ) -> DueLanes {
        self.looked = Some(now);
        while let Some((at, lane)) = self.places.later.first().copied()
            && at <= time
        {
            self.change(lane, |entry| entry.state = State::Due);
        }
        while let Some((until, lane)) = self.places.paused.first().copied()
            && until <= now
        {
            self.change(lane, |entry| entry.pause = None);
        }
        let first = self.places.ready.first(holds, most);
        let lanes = first.filter_map(|lane| {
            let entry = self.lanes.get(&lane)?;
            Some(DueLane {
                lane,
                cursor: entry.cursor,
                turn: entry.turn,
            })
        });
        DueLanes {
            lanes: lanes.collect(),
            organizations: self.places.ready.organizations(),
            next: self.places.later.first().map(|(at, _)| *at),
        }
    }

    /// Whether more than one organization has, or lately had, work. The platform's own counts only
    /// while it is there: its sweeps come by the clock, and wait for nobody.
    pub(crate) fn contended(&self, now: Instant) -> bool {
        let recent = |organization: &OrganizationId, last: Instant| {
            let kept = if organization.is_platform() {
                Duration::ZERO
            } else {
                REMEMBERED
            };
            now.saturating_duration_since(last) <= kept
        };
        let due = self
            .places
            .due
            .keys()
            .filter(|of| self.looked.is_some_and(|looked| recent(of, looked)));
        let lately = self
            .active
            .iter()
            .filter(|(of, last)| !self.places.due.contains_key(of) && recent(of, **last))
            .map(|(of, _)| of);
        due.chain(lately).nth(1).is_some()
    }

    /// What a claim brought.
    pub(crate) fn claimed(&mut self, lane: &Lane, asked: i64, got: i64, last: Option<Cursor>) {
        self.turns += 1;
        let turn = self.turns;
        self.change(*lane, |entry| {
            entry.turn = turn;
            entry.pause = None;
            if let Some(last) = last {
                entry.cursor = last;
            }
            if got < asked {
                entry.state = State::Empty;
            }
        });
    }

    /// Another process is claiming from the lane's connection.
    pub(crate) fn pause(&mut self, lane: &Lane, until: Instant) {
        self.change(*lane, |entry| entry.pause = Some(until));
    }

    /// When the first paused lane may be tried.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.places.paused.first().map(|(until, _)| *until)
    }
}

/// What is due.
#[derive(Debug)]
pub(crate) struct DueLanes {
    /// Those that a fair claim is among.
    pub(crate) lanes: Vec<DueLane>,
    /// Organizations in which something is due, those that are not looked at too.
    pub(crate) organizations: usize,
    /// When something will be due in another.
    pub(crate) next: Option<DateTime<Utc>>,
}

/// A lane in which something is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueLane {
    pub(crate) lane: Lane,
    pub(crate) cursor: Cursor,
    pub(crate) turn: u64,
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
