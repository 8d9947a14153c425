//! What Azure DevOps' subscriptions have sent.
//!
//! Source: Microsoft, "Service hooks" REST API 7.1, "Notifications - List" and "- Get": the history of a
//! subscription (14 days), at most `maxResults` without a way to ask for more, each with `result` and, "if
//! available", `details`, whose `event` is what is sent; one alone has them. `eventId` is the id in the body.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::transport::{failure, object};
use super::super::webhook::{
    HookDeliveries, HookPlace, HookStanding, Recalled, Remembered, RememberedPage, Webhooks,
};
use super::super::{Access, ErrorClass, ProviderError};
use super::AzureDevops;
use super::client::At;
use super::hooks::{Subscription, path_of, worst};
use super::path::segment;

/// Notifications that are asked for, of one subscription.
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Listed {
    value: Vec<Notification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    id: i64,
    event_id: String,
    created_date: Option<DateTime<Utc>>,
    result: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    event: Option<Box<RawValue>>,
}

impl Notification {
    /// What was sent; `None` where it is not told.
    fn content(&self, azure: &AzureDevops) -> Option<Recalled> {
        let event = self.details.as_ref()?.event.as_ref()?;
        let body = event.get().as_bytes().to_vec();
        let json = (
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        );
        let headers: http::HeaderMap = [json].into_iter().collect();
        let envelope = azure.envelope(&headers, &body).ok()?;
        let mut headers = envelope.headers;
        if let Some(at) = self.created_date {
            let told = ("delivered-at".to_owned(), at.to_rfc3339());
            headers.0.extend([told]);
        }
        Some(Recalled {
            event: envelope.event,
            action: None,
            headers,
            body,
        })
    }

    fn remembered(self, azure: &AzureDevops) -> Remembered {
        // What was filtered out was not to be sent.
        let arrived = matches!(self.result.as_deref(), Some("succeeded" | "filtered"));
        Remembered {
            content: (!arrived).then(|| self.content(azure)).flatten(),
            number: self.id.to_string(),
            delivery_id: self.event_id,
            sent_at: self.created_date,
            arrived,
        }
    }
}

fn notifications_of(place: &HookPlace, part: &str) -> String {
    format!("{}/{}/notifications", path_of(place), segment(part))
}

#[async_trait]
impl HookDeliveries for AzureDevops {
    fn memory(&self) -> Option<TimeDelta> {
        Some(TimeDelta::days(14))
    }

    async fn standing(
        &self,
        access: &Access,
        place: &HookPlace,
        id: &str,
    ) -> Result<HookStanding, ProviderError> {
        let all = self.subscriptions(access, &path_of(place)).await?;
        let all: HashMap<&str, HookStanding> = all
            .iter()
            .map(|one: &Subscription| (one.id.as_str(), one.standing()))
            .collect();
        let part = |id| all.get(id).copied().unwrap_or(HookStanding::Gone);
        Ok(worst(id.split(' ').map(part)))
    }

    async fn remembered(
        &self,
        access: &Access,
        place: &HookPlace,
        part: &str,
        _from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        let most = MOST.to_string();
        let path = notifications_of(place, part);
        let query = [("maxResults", most.as_str())];
        let answer = self.client.ask(access, At::Listing, &path, &query).await?;
        let mut listed = object::<Listed>(&answer)?.value;
        // No order is promised.
        listed.sort_by_key(|one| std::cmp::Reverse((one.created_date, one.id)));
        Ok(RememberedPage {
            cut: listed.len() >= MOST,
            deliveries: listed.into_iter().map(|one| one.remembered(self)).collect(),
            next: None,
        })
    }

    async fn recall(
        &self,
        access: &Access,
        place: &HookPlace,
        part: &str,
        number: &str,
    ) -> Result<Recalled, ProviderError> {
        let path = format!("{}/{}", notifications_of(place, part), segment(number));
        let answer = self
            .client
            .ask(access, At::Organization, &path, &[])
            .await?;
        let told: Notification = object(&answer)?;
        let content = told.content(self);
        content.ok_or_else(|| failure(ErrorClass::NotFound, "the event is no longer told"))
    }
}
