//! Azure DevOps' service hooks: one subscription per event.
//!
//! Source: Microsoft, "Service hooks" REST API 7.1: `/{organization}/_apis/hooks/subscriptions` (needs the
//! permission to edit subscriptions). There is no signature: the secret is the password of basic
//! authentication. The service calls no address that is not public.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::transport::{credential_header, failure, no_answer, object, told};
use super::super::webhook::{HookPlace, HookSpec, Hooks, Webhooks};
use super::super::{Access, ErrorClass, ProviderError};
use super::client::VERSION;
use super::path::segment;
use super::webhook::USER;
use super::{AzureDevops, errors};
use crate::domain::secret::ExposeSecret;

#[derive(Deserialize)]
struct Listed {
    value: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    event_type: Option<String>,
    #[serde(default)]
    publisher_inputs: Value,
    #[serde(default)]
    consumer_inputs: Value,
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
        let answer = self.outbound.send_unfollowed(request, &limits).await;
        let answer = answer.map_err(|error| no_answer(&error))?;
        // A deletion has no body that could say that it is JSON.
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

    /// The subscriptions of a repository with this address: event and id.
    async fn subscriptions(
        &self,
        access: &Access,
        path: &str,
        place: &HookPlace,
        url: &str,
    ) -> Result<Vec<(String, String)>, ProviderError> {
        let answer = self.told(access, Method::GET, path, None).await?;
        let listed: Listed = object(&answer)?;
        let same = |one: &Subscription| {
            one.consumer_inputs["url"] == url
                && one.publisher_inputs["repository"] == place.repository_id.as_str()
        };
        let own = listed.value.into_iter().filter(same);
        Ok(own
            .map(|one| (one.event_type.unwrap_or_default(), one.id))
            .collect())
    }
}

fn path_of(place: &HookPlace) -> String {
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
    ) -> Result<String, ProviderError> {
        let path = path_of(place);
        let standing = self.subscriptions(access, &path, place, spec.url).await?;
        let mut ids = Vec::new();
        for event in self.events() {
            let body = json!({
                "publisherId": "tfs",
                "eventType": event,
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
            let known = standing.iter().find(|(standing, _)| standing == event);
            let (method, path) = match known {
                Some((_, id)) => (Method::PUT, format!("{path}/{}", segment(id))),
                None => (Method::POST, path.clone()),
            };
            let answer = self.told(access, method, &path, Some(&body)).await?;
            ids.push(object::<Subscription>(&answer)?.id);
        }
        Ok(ids.join(" "))
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        let path = path_of(place);
        for (_, id) in self.subscriptions(access, &path, place, url).await? {
            let path = format!("{path}/{}", segment(&id));
            self.told(access, Method::DELETE, &path, None).await?;
        }
        Ok(())
    }
}
