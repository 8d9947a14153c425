//! One account's window of requests, as this process knows it: pure.
//!
//! What is left is what the last headers said, less what is under way: of requests in flight nobody
//! knows whether the headers have counted them. Headers of one window may come in any order, so the
//! least counts; a window is told from the next by when it turns over, which hosts say to within a
//! few seconds.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::meter::{CallClass, Reading, Standing};
use crate::domain::quota::RateLimit;

/// In flight at once for one account, over all processes. GitHub refuses at 100 (rate limits for the
/// REST API, "secondary rate limits"); the others name no number.
const AT_ONCE: u32 = 80;
/// A process that comes to an account which others use already asks for so many at first, until they
/// have heard of it.
const NEWCOMER: u32 = 4;
/// Of what may be in flight, one in so many is kept for those who wait for an answer.
const SPARED: u32 = 10;
/// Told of two moments no further apart, a window is the same.
const SAME: TimeDelta = TimeDelta::seconds(5);
/// A limit without a date, the first time ("at least one minute", GitHub); doubled with each.
const PARK: TimeDelta = TimeDelta::seconds(60);
const LONGEST_PARK: TimeDelta = TimeDelta::minutes(15);

/// A window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) rate: RateLimit,
    pub(super) parked_until: Option<DateTime<Utc>>,
    pub(super) in_flight: u32,
    /// Limits without a date in a row.
    pub(super) strikes: u8,
    /// Processes that use it, this one included, as last heard; and whether they have heard of us.
    pub(super) holders: u32,
    /// Requests that the others have in flight, as last heard: more than their share, where they came first
    /// and theirs take long.
    pub(super) others: u32,
    /// What we have told them of our own at that time.
    pub(super) told: u32,
    pub(super) newcomer: bool,
}

/// What is said to a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Go,
    /// Enough are in flight: when one of them has ended.
    Wait,
    Closed(DateTime<Utc>),
}

impl Window {
    /// Whether one more request may be made.
    pub(super) fn admit(&self, class: CallClass, now: DateTime<Utc>) -> Admission {
        if let Some(until) = self.parked_until.filter(|until| *until > now) {
            return Admission::Closed(until);
        }
        if let (Some(remaining), Some(reset)) = (self.rate.remaining, self.rate.reset_at)
            && reset > now
        {
            let most = self.rate.limit.unwrap_or(0);
            let reserve =
                most / 100 * class.reserve_percent() + most % 100 * class.reserve_percent() / 100;
            let under_way = i32::try_from(self.in_flight).unwrap_or(i32::MAX);
            if remaining.saturating_sub(under_way) <= reserve {
                return Admission::Closed(reset);
            }
        }
        if self.in_flight < self.at_once(class) {
            Admission::Go
        } else {
            Admission::Wait
        }
    }

    fn at_once(&self, class: CallClass) -> u32 {
        let share = AT_ONCE / self.holders.max(1);
        let share = if self.newcomer && self.holders > 1 {
            share.min(NEWCOMER)
        } else {
            share
        };
        let room = if self.holders > 1 {
            self.told + self.growth()
        } else {
            AT_ONCE.saturating_sub(self.others)
        };
        match class {
            CallClass::Interactive => share.min(room),
            // Of the share a part is spared, and of the room a place: a part of both would be spared anew
            // with each exchange.
            _ => (share - share.div_ceil(SPARED).min(share / 2)).min(room.saturating_sub(1)),
        }
        .max(1)
    }

    /// How many more than it has told of a process may have in flight before it hears of the others again.
    /// All of them see the same room, and what each takes of it the others hear later: together they take
    /// half of it, so that those who have heard and those who have not stay within it.
    fn growth(&self) -> u32 {
        AT_ONCE.saturating_sub(self.others + self.told) / (2 * self.holders)
    }

    /// Takes in what an answer told.
    pub(super) fn observe(&mut self, reading: &Reading, now: DateTime<Utc>) {
        if reading.rate_limit.is_known() {
            self.merge(&reading.rate_limit);
        }
        match reading.standing {
            Standing::Limited(until) => {
                let closed = self.rate.remaining == Some(0)
                    && self.rate.reset_at.is_some_and(|reset| reset > now);
                let until = match until {
                    Some(until) => until,
                    // The window says when.
                    None if closed => return,
                    None => {
                        let doubled = PARK * (1 << self.strikes.min(4));
                        self.strikes = self.strikes.saturating_add(1);
                        now + doubled.min(LONGEST_PARK)
                    }
                };
                self.park(until);
            }
            Standing::Accepted => self.strikes = 0,
            Standing::Refused | Standing::Untold => {}
        }
    }

    /// Nobody asks before then.
    pub(super) fn park(&mut self, until: DateTime<Utc>) {
        self.parked_until = self.parked_until.max(Some(until));
    }

    /// Takes in what headers said, here or in another process.
    pub(super) fn merge(&mut self, told: &RateLimit) {
        let known = &mut self.rate;
        let (Some(new), Some(old)) = (told.reset_at, known.reset_at) else {
            *known = RateLimit {
                limit: told.limit.or(known.limit),
                remaining: told.remaining.or(known.remaining),
                reset_at: told.reset_at.or(known.reset_at),
            };
            return;
        };
        if new > old + SAME {
            *known = *told;
        } else if new >= old - SAME {
            known.limit = told.limit.or(known.limit);
            known.remaining = match (told.remaining, known.remaining) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn rate(remaining: i32, minutes: i64) -> RateLimit {
        RateLimit {
            limit: Some(5_000),
            remaining: Some(remaining),
            reset_at: Some(now() + TimeDelta::minutes(minutes)),
        }
    }

    fn window(remaining: i32) -> Window {
        Window {
            rate: rate(remaining, 30),
            holders: 1,
            ..Window::default()
        }
    }

    #[test]
    fn each_class_leaves_the_rest_to_those_before_it() {
        use Admission::{Closed, Go};
        use CallClass::*;
        let closed = Closed(now() + TimeDelta::minutes(30));
        let table = [
            (1_251, [Go, Go, Go, Go]),
            (1_250, [Go, Go, Go, closed]),
            (750, [Go, Go, closed, closed]),
            (250, [Go, closed, closed, closed]),
            (0, [closed; 4]),
        ];
        for (remaining, expected) in table {
            let said = [Interactive, Webhooks, Sync, Sweep]
                .map(|class| window(remaining).admit(class, now()));
            assert_eq!(said, expected, "{remaining}");
        }
        let later = now() + TimeDelta::minutes(31);
        assert_eq!(window(0).admit(Sweep, later), Go);
    }

    #[test]
    fn what_is_under_way_counts_as_used() {
        let mut window = window(3);
        window.in_flight = 3;
        let said = window.admit(CallClass::Interactive, now());
        assert!(matches!(said, Admission::Closed(_)), "{said:?}");
    }

    #[test]
    fn what_may_be_in_flight_is_divided_and_somebody_who_waits_comes_in() {
        let mut window = window(4_000);
        let most = |window: &mut Window, class| {
            (0..200)
                .find(|n| {
                    window.in_flight = *n;
                    window.admit(class, now()) == Admission::Wait
                })
                .unwrap()
        };
        assert_eq!(most(&mut window, CallClass::Sync), 72);
        assert_eq!(most(&mut window, CallClass::Interactive), 80);
        window.holders = 4;
        assert_eq!(most(&mut window, CallClass::Interactive), 10);
        window.told = 15;
        assert_eq!(most(&mut window, CallClass::Interactive), 20);
        // More than its share is left to end.
        window.told = 40;
        assert_eq!(most(&mut window, CallClass::Interactive), 20);
        window.others = 72;
        window.told = 3;
        assert_eq!(most(&mut window, CallClass::Interactive), 3);
        window.told = 0;
        assert_eq!(most(&mut window, CallClass::Interactive), 1);
        window.others = 100;
        assert_eq!(most(&mut window, CallClass::Interactive), 1);
        window.others = 0;
        window.newcomer = true;
        assert_eq!(most(&mut window, CallClass::Sync), 3);
        window.holders = 500;
        assert_eq!(most(&mut window, CallClass::Sync), 1);
    }

    /// Four processes hear of each other one after the other, each of all at that moment, and take what they
    /// may: the one that came first has most of the room.
    #[test]
    fn processes_that_take_the_room_at_the_same_time_stay_within_it() {
        let mut all: Vec<Window> = [50, 3, 3, 3]
            .map(|in_flight| Window {
                in_flight,
                holders: 4,
                ..window(4_000)
            })
            .into();
        let mut wire = [50_u32, 3, 3, 3];
        for round in 0..20 {
            for place in 0..all.len() {
                let one = &mut all[place];
                (one.told, wire[place]) = (one.in_flight, one.in_flight);
                one.others = wire.iter().sum::<u32>() - one.told;
                // Nobody has ended yet in the first rounds; then the first one's requests do.
                if round >= 10 && place == 0 {
                    one.in_flight = one.in_flight.saturating_sub(10);
                }
                while one.admit(CallClass::Interactive, now()) == Admission::Go {
                    one.in_flight += 1;
                }
                let sum: u32 = all.iter().map(|one| one.in_flight).sum();
                assert!(sum <= AT_ONCE, "{sum} in flight");
            }
        }
        let held: Vec<u32> = all.iter().map(|one| one.in_flight).collect();
        assert!(held.iter().all(|one| *one >= 15), "{held:?}");
    }

    /// Nothing that is in flight ends: background work fills its part all the same, and leaves somebody who
    /// waits a place in each process.
    #[test]
    fn background_work_comes_to_most_of_the_room() {
        for count in [2_u32, 3, 4] {
            let one = Window {
                holders: count,
                ..window(4_000)
            };
            let mut all = vec![one; count as usize];
            for _ in 0..20 {
                for place in 0..all.len() {
                    let sum: u32 = all.iter().map(|one| one.in_flight).sum();
                    let one = &mut all[place];
                    one.told = one.in_flight;
                    one.others = sum - one.told;
                    while one.admit(CallClass::Sync, now()) == Admission::Go {
                        one.in_flight += 1;
                    }
                }
            }
            let sum: u32 = all.iter().map(|one| one.in_flight).sum();
            assert!((65..=72).contains(&sum), "{sum} of {count}");
            for one in &all {
                assert_eq!(one.admit(CallClass::Interactive, now()), Admission::Go);
            }
        }
    }

    #[test]
    fn headers_in_any_order() {
        let mut window = window(100);
        window.merge(&rate(102, 30));
        assert_eq!(window.rate.remaining, Some(100));
        window.merge(&rate(99, 30));
        window.merge(&rate(4_000, -30));
        assert_eq!(window.rate.remaining, Some(99));
        window.merge(&rate(4_999, 90));
        assert_eq!(window.rate, rate(4_999, 90));
    }

    #[test]
    fn a_limit_without_a_date_parks_longer_each_time() {
        let mut window = window(4_000);
        let limited = |until| Reading {
            rate_limit: RateLimit::default(),
            standing: Standing::Limited(until),
        };
        let mut parked = |reading: &Reading| {
            window.observe(reading, now());
            (window.parked_until.unwrap() - now()).num_seconds()
        };
        let unknown = limited(None);
        assert_eq!([parked(&unknown), parked(&unknown)], [60, 120]);
        assert_eq!(parked(&limited(Some(now() + TimeDelta::hours(1)))), 3_600);
        // The window says itself when it opens.
        let mut closed = self::window(0);
        closed.observe(&unknown, now());
        assert_eq!(closed.parked_until, None);
    }
}
