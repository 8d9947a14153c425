//! What a provider's list tells of and nobody has received: found, and kept as if it had come.
//!
//! The same for an App's list and for a hook's. A list goes from the newest back, one delivery once for
//! each attempt; an attempt that arrived speaks for all of them, and so does one that is in the inbox. What
//! is fetched is kept under the provider's id of it, and is a delivery like any other from then on. One
//! that comes late all the same has other bytes and so a row of its own; which of the two is handled
//! first, the other one is told apart by that id and does nothing.
//!
//! A list is its host's word, and hosts are anybody's: what is held of it is bounded in bytes, bodies
//! included, since workers are shared. One whose content cannot be had is lost and counts as untold;
//! waiting for it would be waiting for ever, and everything newer would wait with it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::ids::{ConnectionId, OrganizationId, WebhookDeliveryId, WebhookSourceId};
use crate::domain::provider::ProviderKind;
use crate::flows::{Context, Error};
use crate::providers::{ErrorClass, ProviderError, Recalled, Remembered, RememberedPage};
use crate::store::inbox::{self, NewDelivery};

/// What is held of one list, in bytes.
const ROOM: usize = 32 << 20;
/// Longest id, and name of an event, that the inbox takes, in bytes.
const LONGEST: usize = 400;

/// Whose list it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) organization: OrganizationId,
    pub(super) source: WebhookSourceId,
    pub(super) connection: Option<ConnectionId>,
    pub(super) app_id: Option<i64>,
    pub(super) provider: ProviderKind,
}

/// A list as far as it was read.
#[derive(Debug)]
pub(super) struct Listed {
    since: DateTime<Utc>,
    /// Pages that are still read.
    pages: usize,
    /// Bytes that may still be held.
    room: usize,
    /// Newest first.
    pub(super) deliveries: Vec<Remembered>,
    /// It ended before `since` was reached, and not because there were no more.
    cut: bool,
}

impl Listed {
    /// Nothing yet of what was sent since then, in at most so many pages.
    pub(super) fn new(since: DateTime<Utc>, pages: usize) -> Self {
        Self {
            since,
            pages,
            room: ROOM,
            deliveries: Vec::new(),
            cut: false,
        }
    }

    /// Takes a page, as far as there is room; where the next one begins, where it is wanted.
    pub(super) fn take(&mut self, page: RememberedPage) -> Option<String> {
        let since = self.since;
        let is_before = |one: &Remembered| one.sent_at.is_some_and(|at| at < since);
        let ended = page.deliveries.iter().any(is_before);
        let mut full = false;
        for one in page.deliveries {
            // No delivery that came has an id like that.
            if is_before(&one) || one.delivery_id.is_empty() || !fits(&one.delivery_id) {
                continue;
            }
            let Some(left) = self.room.checked_sub(bytes_of(&one)) else {
                full = true;
                break;
            };
            self.room = left;
            self.deliveries.push(one);
        }
        self.pages = self.pages.saturating_sub(1);
        let next = page.next.filter(|_| !ended);
        let stopped = full || (next.is_some() && self.pages == 0);
        self.cut = full || (!ended && (page.cut || stopped));
        next.filter(|_| !stopped)
    }

    /// Up to when there may be more than was read, since then; `now` where the list tells no times.
    pub(super) fn untold_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let oldest = self.deliveries.iter().filter_map(|one| one.sent_at).min();
        self.cut.then(|| oldest.unwrap_or(now))
    }
}

/// What holding one takes, about.
fn bytes_of(one: &Remembered) -> usize {
    let content = one.content.as_ref().map_or(0, |content| {
        let headers = content.headers.0.iter();
        let headers =
            headers.map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len());
        let action = content.action.as_deref().map_or(0, str::len);
        headers.sum::<usize>() + content.event.len() + action + content.body.len()
    });
    size_of::<Remembered>() + one.number.len() + one.delivery_id.len() + content
}

/// Whether the inbox takes such an id or name.
fn fits(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains('\0')
}

/// What of a list never arrived: the oldest first, each once, by its first attempt.
pub(super) async fn missing(
    context: &Context,
    source: WebhookSourceId,
    listed: Vec<Remembered>,
) -> Result<Vec<Remembered>, Error> {
    let arrived = listed.iter().filter(|one| one.arrived);
    let mut seen: HashSet<String> = arrived.map(|one| one.delivery_id.clone()).collect();
    let mut missing: Vec<Remembered> = listed
        .into_iter()
        .rev()
        .filter(|one| seen.insert(one.delivery_id.clone()))
        .collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let ids: Vec<&str> = missing.iter().map(|one| one.delivery_id.as_str()).collect();
    let known = inbox::known(&context.db.system(), source, &ids).await?;
    let known: HashSet<String> = known.into_iter().collect();
    missing.retain(|one| !known.contains(&one.delivery_id));
    Ok(missing)
}

/// What came of fetching those that never arrived.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Those that are kept now, and were not there already.
    pub(super) recovered: usize,
    /// Before then there was something that nobody tells of any more.
    pub(super) untold_until: Option<DateTime<Utc>>,
}

impl Fetched {
    /// Up to then there may be something that nobody tells of.
    pub(super) fn untold(&mut self, until: Option<DateTime<Utc>>) {
        self.untold_until = self.untold_until.max(until);
    }

    /// Keeps one, or counts it as lost. The inner error is one that the others would meet as well.
    pub(super) async fn take(
        &mut self,
        context: &Context,
        origin: Origin,
        one: &Remembered,
        content: Result<Recalled, ProviderError>,
    ) -> Result<Result<(), ProviderError>, Error> {
        let why = match content {
            Ok(content) if is_storable(&content) => {
                let new = keep(context, origin, &one.delivery_id, content).await?;
                self.recovered += usize::from(new);
                return Ok(Ok(()));
            }
            Ok(_) => "its event has no name that can be kept".to_owned(),
            Err(error) if is_of_one_alone(&error) => error.detail,
            Err(error) => return Ok(Err(error)),
        };
        tracing::warn!(
            provider = origin.provider.as_str(),
            source = %origin.source,
            number = %one.number,
            detail = %why,
            "a delivery that never arrived cannot be fetched; a sync stands in for it"
        );
        let now = context.clock.now();
        self.untold(Some(one.sent_at.map_or(now, |at| at.min(now))));
        Ok(Ok(()))
    }
}

/// Whether it was this content that could not be had, and another one may be: it is not there any more,
/// too large, or not to be read.
fn is_of_one_alone(error: &ProviderError) -> bool {
    let class = matches!(error.class, ErrorClass::NotFound | ErrorClass::Unexpected);
    class && error.retry_at.is_none()
}

fn is_storable(content: &Recalled) -> bool {
    fits(&content.event) && content.action.as_deref().is_none_or(fits)
}

/// Keeps one that never arrived; whether it was not there already.
async fn keep(
    context: &Context,
    origin: Origin,
    delivery_id: &str,
    recalled: Recalled,
) -> Result<bool, Error> {
    let headers = serde_json::to_string(&recalled.headers)
        .map_err(|error| Error::Internal(error.to_string()))?;
    let received_at = context.clock.now();
    let kept = context
        .intake
        .inbox
        .put(NewDelivery {
            id: WebhookDeliveryId::new(received_at),
            organization: origin.organization,
            source: origin.source,
            connection: origin.connection,
            app_id: origin.app_id,
            provider: origin.provider,
            event: recalled.event,
            action: recalled.action,
            delivery_id: delivery_id.to_owned(),
            id_signed: false,
            recovered: true,
            body_sha256: Sha256::digest(&recalled.body).into(),
            headers,
            body: recalled.body.into(),
            received_at,
        })
        .await;
    let kept = kept.map_err(|_| Error::Internal("a delivery was not kept".to_owned()))?;
    Ok(!kept.duplicate)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::webhook::DeliveryHeaders;

    const SINCE: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn at(minute: i64) -> DateTime<Utc> {
        SINCE + TimeDelta::minutes(minute)
    }

    /// One that did not arrive, with so large a body.
    fn one(minute: i64, id: &str, body: usize) -> Remembered {
        Remembered {
            number: minute.to_string(),
            delivery_id: id.to_owned(),
            sent_at: Some(at(minute)),
            arrived: false,
            content: Some(Recalled {
                event: "push".to_owned(),
                action: None,
                headers: DeliveryHeaders::default(),
                body: vec![b' '; body],
            }),
        }
    }

    fn page(deliveries: Vec<Remembered>, next: Option<&str>) -> RememberedPage {
        RememberedPage {
            deliveries,
            next: next.map(str::to_owned),
            cut: false,
        }
    }

    #[test]
    fn a_list_is_cut_where_what_is_held_would_be_too_much() {
        let mut listed = Listed::new(SINCE, 100);
        let mut minute = 100;
        let mut pages = 0;
        loop {
            // The last page goes back far enough, so it is bytes alone that cut it.
            let mut deliveries: Vec<Remembered> = (0..3)
                .map(|place| one(minute - place, &format!("id {}", minute - place), 3 << 20))
                .collect();
            minute -= 3;
            pages += 1;
            let is_last = pages == 4;
            if is_last {
                deliveries.push(one(-1, "before", 0));
            }
            if listed.take(page(deliveries, Some("next"))).is_none() {
                break;
            }
            assert!(!is_last, "more is read than there is room for");
            assert_eq!(listed.untold_until(at(200)), None);
        }
        assert_eq!((pages, listed.deliveries.len()), (4, 10));
        let held: usize = listed.deliveries.iter().map(bytes_of).sum();
        assert!(held <= ROOM && held > 10 * (3 << 20), "{held}");
        // What lies before the oldest that is held is untold.
        assert_eq!(listed.untold_until(at(200)), Some(at(91)));
    }

    #[test]
    fn entries_without_bodies_are_counted_too() {
        let mut listed = Listed::new(SINCE, 100);
        let many = || {
            let bare = |_| Remembered {
                content: None,
                ..one(5, &"x".repeat(LONGEST), 0)
            };
            (0..20_000).map(bare).collect::<Vec<_>>()
        };
        let mut pages = 1;
        while listed.take(page(many(), Some("next"))).is_some() {
            pages += 1;
        }
        assert!(pages < 5, "{pages}");
        assert!(listed.deliveries.iter().map(bytes_of).sum::<usize>() <= ROOM);
        assert_eq!(listed.untold_until(at(200)), Some(at(5)));
    }

    #[test]
    fn what_fits_is_held_to_the_end_but_for_ids_that_cannot_be_kept() {
        let mut listed = Listed::new(SINCE, 100);
        let longest = "x".repeat(LONGEST);
        let deliveries = vec![
            one(9, &longest, 1),
            one(8, &format!("{longest}x"), 1),
            one(7, "", 1),
            one(6, "with\0in", 1),
            one(5, "last", 1),
        ];
        assert_eq!(listed.take(page(deliveries, None)), None);
        let ids: Vec<&str> = listed
            .deliveries
            .iter()
            .map(|one| one.delivery_id.as_str())
            .collect();
        assert_eq!(ids, [longest.as_str(), "last"]);
        assert_eq!(listed.untold_until(at(200)), None);
    }

    #[test]
    fn what_one_delivery_alone_meets_is_told_from_what_all_of_them_meet() {
        let error = |class, retry_at| ProviderError {
            class,
            status: None,
            detail: String::new(),
            retry_at,
            action_url: None,
        };
        for class in [ErrorClass::NotFound, ErrorClass::Unexpected] {
            assert!(is_of_one_alone(&error(class, None)), "{class:?}");
            assert!(!is_of_one_alone(&error(class, Some(at(1)))), "{class:?}");
        }
        for class in [
            ErrorClass::Unauthorized,
            ErrorClass::Operator,
            ErrorClass::Forbidden,
            ErrorClass::Uninstalled,
            ErrorClass::RateLimited,
            ErrorClass::Unavailable,
            ErrorClass::Unreachable,
        ] {
            assert!(!is_of_one_alone(&error(class, None)), "{class:?}");
        }
    }
}
