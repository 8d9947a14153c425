//! What a provider's list tells of and nobody has received: found, and kept as if it had come.
//!
//! The same for an App's list and for a hook's. A list goes from the newest back, one delivery once for
//! each attempt; an attempt that arrived speaks for all of them, and so does one that is in the inbox. What
//! is fetched is kept under the provider's id of it, and is a delivery like any other from then on. One
//! that comes late all the same has other bytes and so a row of its own; which of the two is handled
//! first, the other one is told apart by that id and does nothing.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::ids::{ConnectionId, OrganizationId, WebhookDeliveryId, WebhookSourceId};
use crate::domain::provider::ProviderKind;
use crate::flows::{Context, Error};
use crate::providers::{Recalled, Remembered, RememberedPage};
use crate::store::inbox::{self, NewDelivery};

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
            deliveries: Vec::new(),
            cut: false,
        }
    }

    /// Takes a page; where the next one begins, where it is wanted.
    pub(super) fn take(&mut self, page: RememberedPage) -> Option<String> {
        let is_before = |one: &Remembered| one.sent_at.is_some_and(|at| at < self.since);
        let ended = page.deliveries.iter().any(is_before);
        let within = page.deliveries.into_iter().filter(|one| !is_before(one));
        self.deliveries.extend(within);
        self.pages = self.pages.saturating_sub(1);
        let next = page.next.filter(|_| !ended);
        let stopped = next.is_some() && self.pages == 0;
        self.cut = !ended && (page.cut || stopped);
        next.filter(|_| !stopped)
    }

    /// Up to when there may be more than was read, since then; `now` where the list tells no times.
    pub(super) fn untold_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let oldest = self.deliveries.iter().filter_map(|one| one.sent_at).min();
        self.cut.then(|| oldest.unwrap_or(now))
    }
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

/// Keeps one that never arrived; whether it was not there already.
pub(super) async fn keep(
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
