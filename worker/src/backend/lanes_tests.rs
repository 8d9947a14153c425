//! What the claimer knows of lanes.

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

fn due_lanes(book: &mut LaneBook, time: DateTime<Utc>, now: Instant) -> Vec<DueLane> {
    book.due_lanes(time, now, &HashMap::new(), 64).lanes
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
    assert!(due_lanes(&mut book, at(5000), now).is_empty());
    book.ring(lane(1), 2, at(5010), now);
    let due = due_lanes(&mut book, at(5010), now);
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
    let due = due_lanes(&mut book, at(1), now);
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
    assert_eq!(
        book.due_lanes(at(0), now, &HashMap::new(), 64).next,
        Some(at(500))
    );
    assert_eq!(due_lanes(&mut book, at(500), now).len(), 1);
}

#[test]
fn two_organizations_contend_for_a_while_and_the_platform_only_while_it_works() {
    let mut book = LaneBook::default();
    let now = Instant::now();
    book.ring(lane(1), 1, at(0), now);
    due_lanes(&mut book, at(0), now);
    assert!(!book.contended(now));
    let platform = Lane::new(OrganizationId::PLATFORM, None, Priority::Sweep, false);
    book.ring(platform, 2, at(0), now);
    due_lanes(&mut book, at(0), now);
    assert!(book.contended(now));
    assert!(!book.contended(now + Duration::from_secs(1)));
    book.ring(lane(2), 3, at(0), now);
    due_lanes(&mut book, at(0), now);
    assert!(book.contended(now + Duration::from_secs(1)));
    assert!(!book.contended(now + Duration::from_secs(11)));
}

#[test]
fn what_is_paused_or_for_later_comes_back_by_itself() {
    let mut book = LaneBook::default();
    let now = Instant::now();
    book.ring(lane(1), 1, at(0), now);
    book.due(lane(2), at(50), 2, now);
    let soon = now + Duration::from_millis(5);
    book.pause(&lane(1), soon);
    assert!(due_lanes(&mut book, at(0), now).is_empty());
    assert_eq!(book.paused_until(), Some(soon));
    assert_eq!(due_lanes(&mut book, at(0), soon).len(), 1);
    assert_eq!(due_lanes(&mut book, at(50), soon).len(), 2);
    book.claimed(&lane(1), 5, 5, None);
    book.claimed(&lane(2), 5, 4, None);
    let left = due_lanes(&mut book, at(50), soon);
    assert_eq!(
        left.iter().map(|due| due.lane).collect::<Vec<_>>(),
        [lane(1)]
    );
}

#[test]
fn a_freed_place_opens_every_lane_of_its_connection() {
    let mut book = LaneBook::default();
    let now = Instant::now();
    let of = |priority, long| {
        let connection = Some(Uuid::from_u128(5));
        Lane::new(
            OrganizationId(Uuid::from_u128(1)),
            connection,
            priority,
            long,
        )
    };
    let (one, other) = (of(Priority::Sync, true), of(Priority::Lifecycle, false));
    for lane in [one, other] {
        book.ring(lane, 1, at(0), now);
        book.claimed(&lane, 1, 0, None);
    }
    assert!(due_lanes(&mut book, at(0), now).is_empty());
    book.unblock(one, 2);
    assert_eq!(due_lanes(&mut book, at(0), now).len(), 2);
}
