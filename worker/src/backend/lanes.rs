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

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::ids::OrganizationId;
use shared::queue::Lane;
use uuid::Uuid;

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
    active: HashMap<OrganizationId, Instant>,
    turns: u64,
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

    /// Something was committed in the lane.
    pub(crate) fn ring(&mut self, lane: Lane, ring: u64, time: DateTime<Utc>, now: Instant) {
        let entry = self.entry(lane, now);
        entry.rung = ring;
        entry.state = State::Due;
        let back = time - MARGIN;
        if entry.cursor.run_at > back {
            entry.cursor = Cursor {
                run_at: back,
                id: Uuid::nil(),
            };
        }
    }

    /// A job was queued again, for a time that is known.
    pub(crate) fn due(&mut self, lane: Lane, at: DateTime<Utc>, ring: u64, now: Instant) {
        let entry = self.entry(lane, now);
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
    }

    /// A place within the limits of this lane's connection became free.
    pub(crate) fn unblock(&mut self, lane: Lane, ring: u64) {
        for (other, entry) in &mut self.lanes {
            if other.organization == lane.organization && other.connection == lane.connection {
                entry.state = State::Due;
                entry.pause = None;
                entry.rung = ring;
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
        self.active
            .retain(|_, last| now.duration_since(*last) < REMEMBERED);
    }

    /// The lanes in which something is due, and when the next one will be.
    pub(crate) fn due_lanes(
        &mut self,
        time: DateTime<Utc>,
        now: Instant,
    ) -> (Vec<DueLane>, Option<DateTime<Utc>>) {
        let mut due = Vec::new();
        let mut next: Option<DateTime<Utc>> = None;
        for (lane, entry) in &mut self.lanes {
            if let State::Later(at) = entry.state {
                if at <= time {
                    entry.state = State::Due;
                } else {
                    next = Some(next.map_or(at, |known| known.min(at)));
                }
            }
            if entry.state == State::Due {
                self.active.insert(lane.organization, now);
                if entry.pause.is_none_or(|until| until <= now) {
                    due.push(DueLane {
                        lane: *lane,
                        cursor: entry.cursor,
                        turn: entry.turn,
                    });
                }
            }
        }
        (due, next)
    }

    /// Whether more than one organization has, or lately had, work. The platform's own counts only
    /// while it is there: its sweeps come by the clock, and wait for nobody.
    pub(crate) fn contended(&self, now: Instant) -> bool {
        let recent = |(organization, last): &(&OrganizationId, &Instant)| {
            let kept = if organization.is_platform() {
                Duration::ZERO
            } else {
                REMEMBERED
            };
            now.saturating_duration_since(**last) <= kept
        };
        self.active.iter().filter(recent).nth(1).is_some()
    }

    /// What a claim brought.
    pub(crate) fn claimed(&mut self, lane: &Lane, asked: i64, got: i64, last: Option<Cursor>) {
        self.turns += 1;
        let turn = self.turns;
        if let Some(entry) = self.lanes.get_mut(lane) {
            entry.turn = turn;
            entry.pause = None;
            if let Some(last) = last {
                entry.cursor = last;
            }
            if got < asked {
                entry.state = State::Empty;
            }
        }
    }

    /// Another process is claiming from the lane's connection.
    pub(crate) fn pause(&mut self, lane: &Lane, until: Instant) {
        if let Some(entry) = self.lanes.get_mut(lane) {
            entry.pause = Some(until);
        }
    }

    /// When the first paused lane may be tried.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.lanes
            .values()
            .filter(|entry| entry.state == State::Due)
            .filter_map(|entry| entry.pause)
            .min()
    }
}

/// A lane in which something is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueLane {
    pub(crate) lane: Lane,
    pub(crate) cursor: Cursor,
    pub(crate) turn: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::domain::job::Priority;

    fn lane(organization: u128) -> Lane {
        Lane::new(
            OrganizationId(Uuid::from_u128(organization)),
            None,
            Priority::Sync,
            false,
        )
    }

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_ring_sets_the_cursor_back_by_the_margin_only() {
        let mut book = LaneBook::default();
        let now = Instant::now();
        book.ring(lane(1), 1, at(0), now);
        let last = Cursor {
            run_at: at(5000),
            id: Uuid::max(),
        };
        book.claimed(&lane(1), 10, 3, Some(last));
        assert!(book.due_lanes(at(5000), now).0.is_empty());
        book.ring(lane(1), 2, at(5010), now);
        let (due, _) = book.due_lanes(at(5010), now);
        assert_eq!(
            due[0].cursor,
            Cursor {
                run_at: at(4910),
                id: Uuid::nil()
            }
        );
    }

    #[test]
    fn a_survey_does_not_silence_a_later_ring() {
        let mut book = LaneBook::default();
        let now = Instant::now();
        book.ring(lane(1), 1, at(0), now);
        book.ring(lane(2), 2, at(0), now);
        book.survey(
            Surveyed {
                rings: 1,
                began: at(0),
                lanes: vec![],
            },
            now,
        );
        let (due, _) = book.due_lanes(at(1), now);
        assert_eq!(
            due.iter().map(|due| due.lane).collect::<Vec<_>>(),
            vec![lane(2)]
        );
    }

    #[test]
    fn a_job_for_later_is_due_later() {
        let mut book = LaneBook::default();
        let now = Instant::now();
        book.due(lane(1), at(500), 1, now);
        assert_eq!(book.due_lanes(at(0), now).1, Some(at(500)));
        assert_eq!(book.due_lanes(at(500), now).0.len(), 1);
    }

    #[test]
    fn two_organizations_contend_for_a_while_and_the_platform_only_while_it_works() {
        let mut book = LaneBook::default();
        let now = Instant::now();
        book.ring(lane(1), 1, at(0), now);
        book.due_lanes(at(0), now);
        assert!(!book.contended(now));
        let platform = Lane::new(OrganizationId::PLATFORM, None, Priority::Sweep, false);
        book.ring(platform, 2, at(0), now);
        book.due_lanes(at(0), now);
        assert!(book.contended(now));
        assert!(!book.contended(now + Duration::from_secs(1)));
        book.ring(lane(2), 3, at(0), now);
        book.due_lanes(at(0), now);
        assert!(book.contended(now + Duration::from_secs(1)));
        assert!(!book.contended(now + Duration::from_secs(11)));
    }
}
