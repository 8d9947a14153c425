//! In which order lanes are claimed from, kept as they change: a claim looks at a few of them, however
//! many wait.
//!
//! An organization has its turn by the last time that one of its lanes had, and a lane by its class
//! and then by its own last time. Among those that have waited equally, each process has an order of
//! its own: were it the same everywhere, all would claim from the same lanes, and all but one in vain.
//! Long jobs are kept apart from short ones, since there may be room for one kind and none for the
//! other.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use shared::domain::ids::OrganizationId;
use shared::queue::Lane;

/// Lanes that something can be taken from.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    organizations: HashMap<OrganizationId, Waiting>,
    /// Organizations with such lanes of each kind, by turn.
    order: [BTreeSet<(u64, u64, OrganizationId)>; 2],
    scramble: RandomState,
}

#[derive(Debug, Default)]
struct Waiting {
    turn: u64,
    /// By class and turn, of each kind.
    lanes: [BTreeSet<(i16, u64, u64, Lane)>; 2],
}

fn kind(lane: &Lane) -> usize {
    usize::from(lane.long)
}

impl Ready {
    /// Something is due in the lane, which was last taken from at `turn`.
    pub(crate) fn insert(&mut self, lane: Lane, turn: u64) {
        let organization = lane.organization;
        let place = self.scramble.hash_one(organization);
        let waiting = self.organizations.entry(organization).or_default();
        if turn > waiting.turn {
            for (order, lanes) in self.order.iter_mut().zip(&waiting.lanes) {
                if !lanes.is_empty() {
                    order.remove(&(waiting.turn, place, organization));
                    order.insert((turn, place, organization));
                }
            }
            waiting.turn = turn;
        }
        let of_lane = self.scramble.hash_one(lane);
        waiting.lanes[kind(&lane)].insert((lane.priority, turn, of_lane, lane));
        self.order[kind(&lane)].insert((waiting.turn, place, organization));
    }

    /// Nothing can be taken from it any more; `turn` as it was inserted.
    pub(crate) fn remove(&mut self, lane: &Lane, turn: u64) {
        let organization = lane.organization;
        let Some(waiting) = self.organizations.get_mut(&organization) else {
            return;
        };
        let lanes = &mut waiting.lanes[kind(lane)];
        lanes.remove(&(lane.priority, turn, self.scramble.hash_one(lane), *lane));
        if lanes.is_empty() {
            let place = self.scramble.hash_one(organization);
            self.order[kind(lane)].remove(&(waiting.turn, place, organization));
        }
        if waiting.lanes.iter().all(BTreeSet::is_empty) {
            self.organizations.remove(&organization);
        }
    }

    /// How many organizations have lanes here.
    pub(crate) fn organizations(&self) -> usize {
        self.organizations.len()
    }

    /// The lanes among which those are that a fair claim of `most` lanes takes: of every organization
    /// that holds slots (`holds`), and of the first ones that hold none.
    pub(crate) fn first<'a>(
        &'a self,
        holds: &'a HashMap<OrganizationId, usize>,
        most: usize,
    ) -> impl Iterator<Item = Lane> + 'a {
        let mut chosen: HashSet<OrganizationId> = holds.keys().copied().collect();
        for order in &self.order {
            let idle = order.iter().map(|(_, _, organization)| *organization);
            let idle: Vec<OrganizationId> = idle
                .filter(|organization| !holds.contains_key(organization))
                .take(most)
                .collect();
            chosen.extend(idle);
        }
        chosen
            .into_iter()
            .filter_map(|organization| self.organizations.get(&organization))
            .flat_map(|waiting| &waiting.lanes)
            .flat_map(move |lanes| lanes.iter().take(most).map(|(_, _, _, lane)| *lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::domain::job::Priority;
    use uuid::Uuid;

    fn lane(organization: u128, connection: u128, priority: Priority, long: bool) -> Lane {
        Lane::new(
            OrganizationId(Uuid::from_u128(organization)),
            Some(Uuid::from_u128(connection)),
            priority,
            long,
        )
    }

    fn sorted(lanes: impl Iterator<Item = Lane>) -> Vec<Lane> {
        let mut lanes: Vec<Lane> = lanes.collect();
        lanes.sort();
        lanes
    }

    #[test]
    fn those_that_waited_longest_and_all_that_hold_slots() {
        let mut ready = Ready::default();
        for n in 1..=9 {
            ready.insert(lane(n, n, Priority::Sync, false), n as u64);
        }
        let holds = HashMap::from([(OrganizationId(Uuid::from_u128(9)), 3)]);
        let first = sorted(ready.first(&holds, 2));
        let of = |n| lane(n, n, Priority::Sync, false);
        assert_eq!(first, [of(1), of(2), of(9)]);
        ready.remove(&of(1), 1);
        assert_eq!(sorted(ready.first(&holds, 2)), [of(2), of(3), of(9)]);
        assert_eq!(ready.organizations(), 8);
    }

    #[test]
    fn a_backlog_hides_neither_higher_classes_nor_short_jobs() {
        let mut ready = Ready::default();
        for n in 1..=50 {
            ready.insert(lane(1, n, Priority::Sync, true), 0);
        }
        let (urgent, short) = (
            lane(1, 90, Priority::Interactive, true),
            lane(1, 91, Priority::Sweep, false),
        );
        ready.insert(urgent, 7);
        ready.insert(short, 9);
        let first = sorted(ready.first(&HashMap::new(), 2));
        assert!(first.contains(&urgent) && first.contains(&short));
        assert_eq!(first.len(), 3);
    }

    #[test]
    fn an_organization_has_its_turn_by_its_last_lane() {
        let mut ready = Ready::default();
        ready.insert(lane(1, 1, Priority::Sync, false), 0);
        ready.insert(lane(1, 2, Priority::Sync, false), 5);
        ready.insert(lane(2, 3, Priority::Sync, false), 4);
        let first = sorted(ready.first(&HashMap::new(), 1));
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].organization, OrganizationId(Uuid::from_u128(2)));
    }
}
