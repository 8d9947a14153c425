//! GitLab's hooks of projects.
//!
//! Source: GitLab documentation, "Project webhooks API" (needs Maintainer and the scope `api`).
//! `signing_token` (19.0) signs what is sent; where the host takes it, it is the only thing set, and on
//! older hosts the secret is sent along as `token`. Which of the two a host is, its version says.

use std::borrow::Cow;

use async_trait::async_trait;
use gitlab::api::{BodyError, Endpoint};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::transport::object;
use super::super::webhook::{HookPlace, HookSpec, Hooks, Webhooks};
use super::super::{Access, ProviderError};
use super::Gitlab;
use crate::domain::secret::ExposeSecret;

/// The first version whose hooks sign.
const SIGNS_FROM: u32 = 19;

/// A question that the crate has no endpoint for, or not with all its fields.
struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Endpoint for Asked {
    fn method(&self) -> Method {
        self.method.clone()
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.path.clone().into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        Ok(self
            .body
            .as_ref()
            .map(|body| ("application/json", body.to_string().into_bytes())))
    }
}

#[derive(Deserialize)]
struct Hook {
    id: u64,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
}

impl Gitlab {
    async fn asked(
        &self,
        access: &Access,
        method: Method,
        path: String,
        body: Option<Value>,
    ) -> Result<http::Response<bytes::Bytes>, ProviderError> {
        let endpoint = Asked { method, path, body };
        let paging: &[(&str, &str)] = match endpoint.method {
            Method::GET => &[("per_page", "100")],
            _ => &[],
        };
        self.client.ask(access, &endpoint, paging).await
    }

    async fn hooks_at(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<Vec<u64>, ProviderError> {
        let path = hooks_of(place);
        let answer = self.asked(access, Method::GET, path, None).await?;
        let hooks: Vec<Hook> = object(&answer)?;
        let same = |hook: &&Hook| hook.url.as_deref() == Some(url);
        Ok(hooks.iter().filter(same).map(|hook| hook.id).collect())
    }

    async fn signs(&self, access: &Access) -> Result<bool, ProviderError> {
        let answer = self
            .asked(access, Method::GET, "version".to_owned(), None)
            .await?;
        let version: Version = object(&answer)?;
        let major = version
            .version
            .as_deref()
            .and_then(|text| text.split('.').next());
        Ok(major.and_then(|text| text.parse::<u32>().ok()) >= Some(SIGNS_FROM))
    }
}

fn hooks_of(place: &HookPlace) -> String {
    format!("projects/{}/hooks", place.repository_id)
}

#[async_trait]
impl Hooks for Gitlab {
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<String, ProviderError> {
        let mut body = json!({ "url": spec.url, "enable_ssl_verification": true });
        for event in self.events() {
            body[*event] = json!(true);
        }
        let secret = if self.signs(access).await? {
            "signing_token"
        } else {
            "token"
        };
        body[secret] = json!(spec.secret.expose_secret());
        let path = hooks_of(place);
        let (method, path) = match self.hooks_at(access, place, spec.url).await?.first() {
            Some(id) => (Method::PUT, format!("{path}/{id}")),
            None => (Method::POST, path),
        };
        let answer = self.asked(access, method, path, Some(body)).await?;
        Ok(object::<Hook>(&answer)?.id.to_string())
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        for id in self.hooks_at(access, place, url).await? {
            let path = format!("{}/{id}", hooks_of(place));
            self.asked(access, Method::DELETE, path, None).await?;
        }
        Ok(())
    }
}
