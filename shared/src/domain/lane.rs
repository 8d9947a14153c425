//! The lines that jobs wait in.

use std::fmt::Write as _;

use uuid::Uuid;

use super::ids::OrganizationId;
use super::job::Priority;

/// One line of waiting jobs, first come first served: those of one organization, connection,
/// priority and expected length. A worker takes from many lanes by turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The tenant.
    pub organization: OrganizationId,
    /// The connection; nil for jobs without one.
    pub connection: Uuid,
    /// The stored code of the priority: lower goes first.
    pub priority: i16,
    /// Expected to take longer than a second.
    pub long: bool,
}

impl Lane {
    /// The lane of such a job.
    #[must_use]
    pub fn new(
        organization: OrganizationId,
        connection: Option<Uuid>,
        priority: Priority,
        long: bool,
    ) -> Self {
        Self {
            organization,
            connection: connection.unwrap_or_else(Uuid::nil),
            priority: priority.code(),
            long,
        }
    }

    /// Whether its jobs belong to a connection, whose limits then hold.
    #[must_use]
    pub fn has_connection(&self) -> bool {
        !self.connection.is_nil()
    }
}

/// What the bell says: some lanes, or that there were too many to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// These.
    Some(Vec<Lane>),
    /// Look everywhere.
    All,
}

/// A notification holds 8,000 bytes; a lane takes up to 69.
const MOST_NAMED: usize = 90;

impl Lanes {
    /// As sent: `organization[.connection].priority[l]` with spaces between, or `*`.
    #[must_use]
    pub fn encode(lanes: &[Lane]) -> String {
        if lanes.len() > MOST_NAMED {
            return "*".to_owned();
        }
        let mut text = String::with_capacity(lanes.len() * 70);
        for lane in lanes {
            if !text.is_empty() {
                text.push(' ');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", lane.organization.0.simple());
            if lane.has_connection() {
                let _ = write!(text, ".{}", lane.connection.simple());
            }
            let _ = write!(
                text,
                ".{}{}",
                lane.priority,
                if lane.long { "l" } else { "" }
            );
        }
        text
    }

    /// As received. What cannot be read (another version's) means: look everywhere.
    #[must_use]
    pub fn decode(text: &str) -> Self {
        text.split_ascii_whitespace()
            .map(decode_lane)
            .collect::<Option<Vec<_>>>()
            .map_or(Self::All, Self::Some)
    }
}

fn decode_lane(text: &str) -> Option<Lane> {
    let mut parts = text.split('.');
    let organization = Uuid::parse_str(parts.next()?).ok()?;
    let second = parts.next()?;
    let (connection, class) = match parts.next() {
        Some(class) => (Uuid::parse_str(second).ok()?, class),
        None => (Uuid::nil(), second),
    };
    let (priority, long) = match class.strip_suffix('l') {
        Some(priority) => (priority, true),
        None => (class, false),
    };
    let priority = priority.parse().ok()?;
    parts.next().is_none().then_some(Lane {
        organization: organization.into(),
        connection,
        priority,
        long,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(connection: Option<u128>, priority: Priority, long: bool) -> Lane {
        Lane::new(
            OrganizationId::PLATFORM,
            connection.map(Uuid::from_u128),
            priority,
            long,
        )
    }

    #[test]
    fn what_is_sent_is_received() {
        let lanes = vec![
            lane(None, Priority::Interactive, false),
            lane(Some(7), Priority::Sync, true),
            lane(Some(u128::MAX), Priority::Sweep, false),
        ];
        assert_eq!(Lanes::decode(&Lanes::encode(&lanes)), Lanes::Some(lanes));
    }

    #[test]
    fn many_lanes_are_all_lanes_and_the_text_fits() {
        let lane = lane(Some(u128::MAX), Priority::Sync, true);
        assert!(Lanes::encode(&vec![lane; MOST_NAMED]).len() < 8000);
        assert_eq!(Lanes::encode(&vec![lane; MOST_NAMED + 1]), "*");
        assert_eq!(Lanes::decode("*"), Lanes::All);
    }

    #[test]
    fn what_cannot_be_read_means_everywhere() {
        for text in ["x", "00.1", "0.0.0.0", "00000000000070008000000000000001.q"] {
            assert_eq!(Lanes::decode(text), Lanes::All, "{text}");
        }
    }
}
