//! Azure DevOps' service hooks: one subscription per event.
//!
//! Source: Microsoft, "Service hooks" REST API 7.1: `/{organization}/_apis/hooks/subscriptions` (needs the
//! permission to edit subscriptions). There is no signature: the secret is the password of basic
//! authentication. The service calls no address that is not public. Deliveries that fail put a subscription
//! on probation and then switch it off (`status`); replacing it with the status `enabled` switches it on.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::transport::{credential_header, failure, metered, no_answer, object, told};
use super::super::webhook::{HookPlace, HookSpec, HookStanding, Hooks, PutHook, Webhooks};
use super::super::{Access, ErrorClass, ProviderError};
use super::client::VERSION;
use super::path::segment;
use super::webhook::USER;
use super::{AzureDevops, errors};
use crate::domain::secret::ExposeSecret;
use crate::outbound::rate_limit;

#[derive(Deserialize)]
struct Listed {
    value: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) id: String,
    event_type: Option<String>,
    status: Option<String>,
    #[serde(default)]
    publisher_inputs: Value,
    #[serde(default)]
    consumer_inputs: Value,
}

impl Subscription {
    pub(super) fn standing(&self) -> HookStanding {
        match self.status.as_deref() {
            Some("onProbation") => HookStanding::Failing,
            Some(status) if status.starts_with("disabled") => HookStanding::Silenced,
            _ => HookStanding::Well,
        }
    }
}

/// How a hook of several subscriptions stands: as the worst of them.
pub(super) fn worst(parts: impl Iterator<Item = HookStanding>) -> HookStanding {
    let badness = |standing: &HookStanding| match standing {
        HookStanding::Well => 0,
        HookStanding::Failing => 1,
        HookStanding::Silenced => 2,
        HookStanding::Gone => 3,
    };
    parts.max_by_key(badness).unwrap_or(HookStanding::Gone)
}

impl AzureDevops {
    async fn told(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let unbuildable = |error: String| failure(ErrorClass::Unexpected, error);
        let mut url = access
            .instance
            .api(path)
            .map_err(|error| unbuildable(error.to_string()))?;
        url.query_pairs_mut().append_pair("api-version", VERSION);
        let (name, value) = credential_header(access)?;
        let request = Request::builder()
            .method(method.clone())
            .uri(url.as_str())
            .header(name, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .map_err(|error| unbuildable(error.to_string()))?;
        let limits = self.outbound.limits();
        let sent = self.outbound.send_unfollowed(request, &limits);
        let sent = metered(access, sent, |answer| {
            let now = self.client.now();
            // A deletion has no body that could say that it is JSON.
            let failure = (answer.status().as_u16() != 204)
                .then(|| errors::classify(answer, &url, now))
                .flatten();
            (rate_limit::azure(answer.headers(), now), failure)
        });
        let answer = sent.await?.map_err(|error| no_answer(&error))?;
        if answer.status().as_u16() == 204 {
            return Ok(answer);
        }
        let Some(mut error) = errors::classify(&answer, &url, self.client.now()) else {
            return Ok(answer);
        };
        let status = answer.status().as_u16();
        let line = format!("{method} {path} answered {status}: {}", error.detail);
        error.detail = told(access, &line);
        Err(error)
    }

    /// Every subscription of the organization.
    pub(super) async fn subscriptions(
        &self,
        access: &Access,
        path: &str,
    ) -> Result<Vec<Subscription>, ProviderError> {
        let answer = self.told(access, Method::GET, path, None).await?;
        Ok(object::<Listed>(&answer)?.value)
    }

    /// The subscriptions of a repository with this address.
    async fn own(
        &self,
        access: &Access,
        path: &str,
        place: &HookPlace,
        url: &str,
    ) -> Result<Vec<Subscription>, ProviderError> {
        let mut own = self.subscriptions(access, path).await?;
        own.retain(|one| {
            one.consumer_inputs["url"] == url
                && one.publisher_inputs["repository"] == place.repository_id.as_str()
        });
        Ok(own)
    }
}

pub(super) fn path_of(place: &HookPlace) -> String {
    let organization = place.full_name.split('/').next().unwrap_or_default();
    format!("/{}/_apis/hooks/subscriptions", segment(organization))
}

#[async_trait]
impl Hooks for AzureDevops {
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<PutHook, ProviderError> {
        let path = path_of(place);
        let standing = self.own(access, &path, place, spec.url).await?;
        let mut ids = Vec::new();
        for event in self.events() {
            let body = json!({
                "publisherId": "tfs",
                "eventType": event,
                "status": "enabled",
                "resourceVersion": "1.0",
                "consumerId": "webHooks",
                "consumerActionId": "httpRequest",
                "publisherInputs": { "repository": place.repository_id },
                "consumerInputs": {
                    "url": spec.url,
                    "basicAuthUsername": USER,
                    "basicAuthPassword": spec.secret.expose_secret(),
                },
            });
            let known = standing
                .iter()
                .find(|one| one.event_type.as_deref() == Some(event));
            let (method, path) = match known {
                Some(Subscription { id, .. }) => (Method::PUT, format!("{path}/{}", segment(id))),
                None => (Method::POST, path.clone()),
            };
            let answer = self.told(access, method, &path, Some(&body)).await?;
            ids.push(object::<Subscription>(&answer)?.id);
        }
        let found =
            (!standing.is_empty()).then(|| worst(standing.iter().map(Subscription::standing)));
        Ok(PutHook {
            id: ids.join(" "),
            found,
        })
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        let path = path_of(place);
        for Subscription { id, .. } in self.own(access, &path, place, url).await? {
            let path = format!("{path}/{}", segment(&id));
            self.told(access, Method::DELETE, &path, None).await?;
        }
        Ok(())
    }
}
