//! Bitbucket's hooks of repositories.
//!
//! Source: Atlassian, "The Bitbucket Cloud REST API": `/repositories/{workspace}/{repo_slug}/hooks` (needs
//! the scope `webhook`, and to administer the repository). The API has no list of what a hook has sent, and
//! no mark of failures: that a hook is not `active` is all that shows.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::transport::{credential_header, failure, metered, no_answer, object, trusting};
use super::super::webhook::{
    HookDeliveries, HookPlace, HookSpec, HookStanding, Hooks, PutHook, Webhooks,
};
use super::super::{Access, ErrorClass, ProviderError};
use super::{Bitbucket, errors, path};
use crate::domain::secret::ExposeSecret;
use crate::outbound::rate_limit;

#[derive(Deserialize)]
struct Page {
    values: Vec<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    uuid: String,
    url: Option<String>,
    active: Option<bool>,
}

impl Hook {
    fn standing(&self) -> HookStanding {
        if self.active == Some(false) {
            HookStanding::Silenced
        } else {
            HookStanding::Well
        }
    }
}

impl Bitbucket {
    async fn told(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let unbuildable = |error: String| failure(ErrorClass::Unexpected, error);
        let url = access
            .instance
            .api(path)
            .map_err(|error| unbuildable(error.to_string()))?;
        let (name, value) = credential_header(access)?;
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(name, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .map_err(|error| unbuildable(error.to_string()))?;
        let request = trusting(request, &access.instance);
        let sent = metered(access, self.outbound.send(request), |answer| {
            let failed = !answer.status().is_success();
            let failure = failed.then(|| errors::classify(answer, self.client.now()));
            (rate_limit::bitbucket(answer.headers()), failure)
        });
        let answer = sent.await?.map_err(|error| no_answer(&error))?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.client.refusal(access, path, &answer))
        }
    }

    async fn hooks_at(
        &self,
        access: &Access,
        path: &str,
        url: &str,
    ) -> Result<Vec<Hook>, ProviderError> {
        let answer = self.client.get(access, path, "pagelen=100").await?;
        let Page { mut values } = object(&answer)?;
        values.retain(|hook| hook.url.as_deref() == Some(url));
        Ok(values)
    }
}

fn hooks_of(place: &HookPlace) -> Result<String, ProviderError> {
    Ok(format!("{}/hooks", path::by_uuid(&place.repository_id)?))
}

/// An id in its braces, as a part of a path.
fn one(path: &str, uuid: &str) -> String {
    let inner = uuid.trim_matches(['{', '}']);
    format!("{path}/%7B{inner}%7D")
}

#[async_trait]
impl Hooks for Bitbucket {
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<PutHook, ProviderError> {
        let path = hooks_of(place)?;
        let body = json!({
            "description": "Mooring",
            "url": spec.url,
            "active": true,
            "secret": spec.secret.expose_secret(),
            "events": self.events(),
        });
        let standing = self.hooks_at(access, &path, spec.url).await?;
        let (method, path) = match standing.first() {
            Some(Hook { uuid, .. }) => (Method::PUT, one(&path, uuid)),
            None => (Method::POST, path),
        };
        let answer = self.told(access, method, &path, Some(&body)).await?;
        Ok(PutHook {
            id: object::<Hook>(&answer)?.uuid,
            found: standing.first().map(Hook::standing),
        })
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        let path = hooks_of(place)?;
        for Hook { uuid, .. } in self.hooks_at(access, &path, url).await? {
            self.told(access, Method::DELETE, &one(&path, &uuid), None)
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl HookDeliveries for Bitbucket {
    fn memory(&self) -> Option<TimeDelta> {
        None
    }

    async fn standing(
        &self,
        access: &Access,
        place: &HookPlace,
        id: &str,
    ) -> Result<HookStanding, ProviderError> {
        let path = one(&hooks_of(place)?, id);
        match self.client.get(access, &path, "").await {
            Ok(answer) => Ok(object::<Hook>(&answer)?.standing()),
            Err(error) if error.class == ErrorClass::NotFound => Ok(HookStanding::Gone),
            Err(error) => Err(error),
        }
    }
}
