//! What GitLab's hook of a project has sent.
//!
//! Source: GitLab documentation, "Project webhooks API", "List events for a project webhook" (17.3): the
//! last seven days, newest first, at most twenty a page, each with the request as it was sent, but for
//! addresses of mail, which are blotted out, and for a body that was too large, in whose place stands
//! `{"oversize": true}`. `response_status` is a text: a status, or `internal error` where there was no
//! answer. `Idempotency-Key` (17.4) is the delivery's id. The time is told by newer hosts alone
//! (`created_at`), or by a signature (`webhook-timestamp`).

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::transport::object;
use super::super::webhook::{
    HookDeliveries, HookPlace, HookStanding, Recalled, Remembered, RememberedPage, Webhooks,
    header, listed,
};
use super::super::{Access, ErrorClass, ProviderError};
use super::Gitlab;
use super::hooks::{Hook, hooks_of};
use crate::outbound::link_parameter;

/// The most that the host gives.
const PER_PAGE: (&str, &str) = ("per_page", "20");
/// What names a delivery, the best first.
const ID: [&str; 2] = ["webhook-id", "idempotency-key"];

#[derive(Deserialize)]
struct Event {
    id: u64,
    #[serde(default)]
    request_headers: BTreeMap<String, String>,
    request_data: Option<Box<RawValue>>,
    response_status: Option<String>,
    created_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Oversize {
    #[serde(default)]
    oversize: bool,
}

impl Event {
    fn arrived(&self) -> bool {
        let status = self.response_status.as_deref();
        status.is_some_and(|status| status.len() == 3 && status.starts_with('2'))
    }

    /// What was sent; `None` where the host no longer has it.
    fn content(&self, gitlab: &Gitlab, headers: &HeaderMap) -> Option<Recalled> {
        let body = self.request_data.as_ref()?.get().as_bytes().to_vec();
        let is_oversize = serde_json::from_slice(&body).is_ok_and(|told: Oversize| told.oversize);
        // What cannot be read of a delivery that comes cannot be read of one that is fetched.
        let envelope = gitlab.envelope(headers, &body).ok()?;
        (!is_oversize).then_some(Recalled {
            event: envelope.event,
            action: envelope.action,
            headers: envelope.headers,
            body,
        })
    }

    fn remembered(self, gitlab: &Gitlab) -> Remembered {
        let headers = listed(&self.request_headers);
        let signed_at = header(&headers, "webhook-timestamp")
            .and_then(|text| DateTime::from_timestamp(text.parse().ok()?, 0));
        let sent_at = self.created_at.or(signed_at);
        let arrived = self.arrived();
        let mut content = (!arrived).then(|| self.content(gitlab, &headers)).flatten();
        if let (Some(content), Some(at)) = (&mut content, sent_at) {
            let told = ("delivered-at".to_owned(), at.to_rfc3339());
            content.headers.0.extend([told]);
        }
        let id = ID.iter().find_map(|name| header(&headers, name));
        Remembered {
            // Without an id of its own it is known by its place in the list.
            delivery_id: id.map_or_else(|| format!("event {}", self.id), str::to_owned),
            number: self.id.to_string(),
            sent_at,
            arrived,
            content,
        }
    }
}

#[async_trait]
impl HookDeliveries for Gitlab {
    fn memory(&self) -> Option<TimeDelta> {
        Some(TimeDelta::days(7))
    }

    async fn standing(
        &self,
        access: &Access,
        place: &HookPlace,
        id: &str,
    ) -> Result<HookStanding, ProviderError> {
        let path = format!("{}/{id}", hooks_of(place));
        match self.asked(access, Method::GET, path, None).await {
            Ok(answer) => Ok(object::<Hook>(&answer)?.standing()),
            Err(error) if error.class == ErrorClass::NotFound => Ok(HookStanding::Gone),
            Err(error) => Err(error),
        }
    }

    async fn remembered(
        &self,
        access: &Access,
        place: &HookPlace,
        part: &str,
        from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        let path = format!("{}/{part}/events", hooks_of(place));
        let page = [PER_PAGE, ("page", from.unwrap_or("1"))];
        let answer = self.page_at(access, path, &page).await?;
        let events: Vec<Event> = object(&answer)?;
        let told = answer.headers().get("x-next-page");
        let next = told
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .or_else(|| link_parameter(answer.headers(), "next", "page").flatten());
        Ok(RememberedPage {
            deliveries: events.into_iter().map(|one| one.remembered(self)).collect(),
            next,
            cut: false,
        })
    }
}
