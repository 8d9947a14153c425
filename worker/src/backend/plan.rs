//! How many to claim from which lane: pure.
//!
//! Organizations share what is free by turns, those that hold least first. Within one, the highest
//! class goes first, its lanes by turns. While another organization has work, one holds at most
//! three quarters of the slots, so that a slot for the other is never a whole long job away; and one
//! slot in eight is kept free of jobs expected to be long, for the short ones of everybody.

use std::collections::BTreeMap;

use shared::domain::ids::OrganizationId;

use super::lanes::DueLane;
use super::ledger::Slots;

/// Lanes in one statement: each of a connection takes an advisory lock, of which the server has a
/// bounded number.
pub(crate) const MOST_LANES: usize = 64;
/// Jobs in one statement: there was no gain beyond.
pub(crate) const MOST_JOBS: usize = 256;

/// What the plan must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Jobs that may run at once.
    pub(crate) concurrency: usize,
    /// Jobs that may be held beyond that, waiting for a slot.
    pub(crate) ahead: usize,
    /// Whether more than one organization has work.
    pub(crate) contended: bool,
}

impl Room {
    /// What may be claimed in all.
    pub(crate) fn free(&self, slots: &Slots) -> usize {
        (self.concurrency + self.ahead).saturating_sub(slots.taken)
    }

    fn for_organization(&self, held: usize) -> usize {
        let most = if self.contended {
            // What is held ahead would fill the slots that are to stay open, unless jobs are so
            // short that it is gone before anybody waits for it.
            let ahead = if self.ahead > 2 * self.concurrency {
                self.ahead
            } else {
                0
            };
            ((self.concurrency + ahead) * 3 / 4).max(1)
        } else {
            self.concurrency + self.ahead
        };
        most.saturating_sub(held)
    }

    fn for_long(&self, slots: &Slots) -> usize {
        let kept = if self.concurrency < 4 {
            0
        } else {
            (self.concurrency / 8).max(1)
        };
        let long = (self.concurrency - kept).saturating_sub(slots.long);
        // Long jobs are never fetched ahead.
        long.min(self.concurrency.saturating_sub(slots.taken))
    }
}

/// A lane and how many to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) from: DueLane,
    pub(crate) jobs: usize,
}

/// The claim to make now; empty where nothing is due that there is room for. Of `organizations` in
/// which something is due, `due` has at least those whose turn it is ([`super::ready`]).
pub(crate) fn plan(due: &[DueLane], organizations: usize, slots: &Slots, room: Room) -> Vec<Quota> {
    let mut free = room.free(slots).min(MOST_JOBS);
    let mut free_long = room.for_long(slots);
    let mut by_organization: BTreeMap<OrganizationId, Vec<&DueLane>> = BTreeMap::new();
    for lane in due {
        by_organization
            .entry(lane.lane.organization)
            .or_default()
            .push(lane);
    }
    let mut order: Vec<(usize, u64, Vec<&DueLane>)> = by_organization
        .into_iter()
        .map(|(organization, lanes)| {
            let held = slots
                .by_organization
                .get(&organization)
                .copied()
                .unwrap_or(0);
            let turn = lanes.iter().map(|lane| lane.turn).max().unwrap_or(0);
            (held, turn, lanes)
        })
        .collect();
    order.sort_by_key(|(held, turn, _)| (*held, *turn));
    let mut plan = Vec::new();
    let mut left = organizations.max(order.len());
    for (held, _, mut lanes) in order {
        let mut share = free.div_ceil(left.max(1)).min(room.for_organization(held));
        left -= 1;
        lanes.sort_by_key(|due| (due.lane.priority, due.turn));
        let mut rest = lanes.as_slice();
        while let Some(first) = rest.first() {
            let class = rest.partition_point(|due| due.lane.priority == first.lane.priority);
            for (place, due) in rest[..class].iter().enumerate() {
                let even = share.div_ceil(class - place);
                let jobs = if due.lane.long {
                    even.min(free_long)
                } else {
                    even
                };
                if jobs == 0 || plan.len() == MOST_LANES {
                    continue;
                }
                if due.lane.long {
                    free_long -= jobs;
                }
                share -= jobs;
                free -= jobs;
                plan.push(Quota { from: **due, jobs });
            }
            rest = &rest[class..];
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::lanes::Cursor;
    use shared::domain::job::Priority;
    use shared::queue::Lane;
    use uuid::Uuid;

    fn due(organization: u128, priority: Priority, long: bool) -> DueLane {
        let lane = Lane::new(
            OrganizationId(Uuid::from_u128(organization)),
            None,
            priority,
            long,
        );
        DueLane {
            lane,
            cursor: Cursor::START,
            turn: 0,
        }
    }

    fn plan(due: &[DueLane], slots: &Slots, room: Room) -> Vec<Quota> {
        super::plan(due, 0, slots, room)
    }

    fn room(concurrency: usize, contended: bool) -> Room {
        Room {
            concurrency,
            ahead: 0,
            contended,
        }
    }

    fn jobs(plan: &[Quota], organization: u128) -> usize {
        let organization = OrganizationId(Uuid::from_u128(organization));
        plan.iter()
            .filter(|q| q.from.lane.organization == organization)
            .map(|q| q.jobs)
            .sum()
    }

    #[test]
    fn one_organization_alone_gets_every_slot() {
        let plan = plan(
            &[due(1, Priority::Sync, false)],
            &Slots::default(),
            room(20, false),
        );
        assert_eq!(jobs(&plan, 1), 20);
    }

    #[test]
    fn with_another_at_work_it_gets_three_quarters() {
        let plan = plan(
            &[due(1, Priority::Sync, false)],
            &Slots::default(),
            room(20, true),
        );
        assert_eq!(jobs(&plan, 1), 15);
    }

    #[test]
    fn what_is_held_ahead_does_not_fill_the_open_slots() {
        let lanes = [due(1, Priority::Sync, false)];
        let room = |ahead| Room {
            concurrency: 16,
            ahead,
            contended: true,
        };
        assert_eq!(jobs(&plan(&lanes, &Slots::default(), room(16)), 1), 12);
        assert_eq!(jobs(&plan(&lanes, &Slots::default(), room(160)), 1), 132);
    }

    #[test]
    fn the_one_that_holds_least_comes_first() {
        let mut slots = Slots {
            taken: 15,
            ..Slots::default()
        };
        slots
            .by_organization
            .insert(OrganizationId(Uuid::from_u128(1)), 15);
        let lanes = [
            due(1, Priority::Interactive, false),
            due(2, Priority::Sweep, false),
        ];
        let plan = plan(&lanes, &slots, room(20, true));
        assert_eq!((jobs(&plan, 1), jobs(&plan, 2)), (0, 3));
    }

    #[test]
    fn one_slot_in_eight_stays_free_of_long_jobs() {
        let lanes = [due(1, Priority::Sync, true)];
        assert_eq!(
            jobs(&plan(&lanes, &Slots::default(), room(64, false)), 1),
            56
        );
        let slots = Slots {
            taken: 56,
            long: 56,
            ..Slots::default()
        };
        assert_eq!(jobs(&plan(&lanes, &slots, room(64, false)), 1), 0);
        assert_eq!(
            jobs(
                &plan(&[due(2, Priority::Sync, false)], &slots, room(64, false)),
                2
            ),
            8
        );
    }

    #[test]
    fn long_jobs_are_not_fetched_ahead() {
        let room = Room {
            concurrency: 8,
            ahead: 100,
            contended: false,
        };
        let lanes = [due(1, Priority::Sync, true)];
        assert_eq!(jobs(&plan(&lanes, &Slots::default(), room), 1), 7);
        let slots = Slots {
            taken: 8,
            ..Slots::default()
        };
        assert_eq!(jobs(&plan(&lanes, &slots, room), 1), 0);
    }

    #[test]
    fn the_highest_class_goes_first() {
        let lanes = [
            due(1, Priority::Sweep, false),
            due(1, Priority::Interactive, false),
        ];
        let plan = plan(&lanes, &Slots::default(), room(10, false));
        assert_eq!(plan.len(), 1);
        assert_eq!(plan[0].from.lane.priority, Priority::Interactive.code());
    }

    #[test]
    fn nothing_beyond_what_is_free_is_planned() {
        let lanes: Vec<_> = (1..200)
            .map(|n| due(n, Priority::Sync, n % 2 == 0))
            .collect();
        let slots = Slots {
            taken: 3,
            ..Slots::default()
        };
        let total: usize = plan(&lanes, &slots, room(50, true))
            .iter()
            .map(|q| q.jobs)
            .sum();
        assert!(total <= 47, "{total}");
    }
}
