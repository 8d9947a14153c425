//! Whether an event is newer than what is known. Pure.

use chrono::{DateTime, Utc};
use shared::store::repositories::KnownRepository;

/// What an event is, beside what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Newer: it counts.
    Newer,
    /// As old as the last event, to the provider's second: it counts, and a listing has the last word.
    Same,
    /// Older than an event that counted: it is over.
    Older,
    /// A listing may have seen it, or something newer: only another listing knows.
    Unsure,
}

/// Compares an event of `at` with a repository as known, in a connection whose last whole listing
/// ended at `synced_at`.
///
/// Two events are compared by the provider's clock. An event and a listing are compared by ours and
/// the provider's, which differ by little; and a listing shows what was true somewhere before its end,
/// so an event before that end decides nothing.
pub(super) fn order(
    at: Option<DateTime<Utc>>,
    known: Option<&KnownRepository>,
    synced_at: Option<DateTime<Utc>>,
) -> Order {
    let Some(at) = at else {
        return Order::Unsure;
    };
    let last_event = known.and_then(|known| known.event_at);
    if last_event.is_some_and(|last| at < last) {
        return Order::Older;
    }
    if synced_at.is_some_and(|synced| at <= synced) {
        return Order::Unsure;
    }
    // Changed by another hand than an event's, after this one: by a listing that was not whole.
    let listed = known.filter(|known| known.event_applied_at != Some(known.last_changed_at));
    if listed.is_some_and(|known| at <= known.last_changed_at) {
        return Order::Unsure;
    }
    if last_event == Some(at) {
        Order::Same
    } else {
        Order::Newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::domain::ids::RepositoryId;
    use shared::domain::repository::RemoteRepository;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn known(last_changed: i64, event: Option<(i64, i64)>) -> KnownRepository {
        KnownRepository {
            id: RepositoryId::new(at(0)),
            remote: RemoteRepository {
                provider_repository_id: "1".to_owned(),
                name: "a".to_owned(),
                full_name: "o/a".to_owned(),
                url: String::new(),
                clone_url: String::new(),
                ssh_url: None,
                private: true,
                default_branch: None,
                description: None,
                language: None,
                archived: false,
                fork: false,
                has_write_access: None,
                size_kb: None,
                pushed_at: None,
            },
            removed_at: None,
            last_changed_at: at(last_changed),
            event_at: event.map(|(event, _)| at(event)),
            event_applied_at: event.map(|(_, applied)| at(applied)),
        }
    }

    #[test]
    fn events_are_ordered_by_the_provider_and_listings_by_their_end() {
        let order = |event: i64, known: &KnownRepository, synced: i64| {
            super::order(Some(at(event)), Some(known), Some(at(synced)))
        };
        // Found by a listing that ended at 10.
        let listed = known(9, None);
        assert_eq!(order(11, &listed, 10), Order::Newer);
        assert_eq!(order(10, &listed, 10), Order::Unsure);
        // Changed by an event of 20, which arrived at 23.
        let told = known(23, Some((20, 23)));
        assert_eq!(order(21, &told, 10), Order::Newer);
        assert_eq!(order(20, &told, 10), Order::Same);
        assert_eq!(order(19, &told, 10), Order::Older);
        // And then changed by a page of a listing that was not whole, at 30.
        let paged = known(30, Some((20, 23)));
        assert_eq!(order(29, &paged, 10), Order::Unsure);
        assert_eq!(order(31, &paged, 10), Order::Newer);
        assert_eq!(super::order(None, Some(&told), None), Order::Unsure);
        assert_eq!(super::order(Some(at(1)), None, None), Order::Newer);
        assert_eq!(super::order(Some(at(1)), None, Some(at(2))), Order::Unsure);
    }
}
