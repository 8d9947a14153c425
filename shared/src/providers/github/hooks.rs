//! GitHub's hooks of repositories.
//!
//! Source: GitHub REST documentation, "Repository webhooks" (needs `admin:repo_hook` or `repo`, and to
//! administer the repository).

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response};
use serde::Deserialize;
use serde_json::json;

use super::super::transport::object;
use super::super::webhook::{HookPlace, HookSpec, HookStanding, Hooks, PutHook, Webhooks};
use super::super::{Access, ProviderError};
use super::{Github, deliveries, path};
use crate::domain::secret::ExposeSecret;

/// A repository has at most 20 hooks of one event.
const PAGE: &[(&str, &str)] = &[("per_page", "100")];

/// A hook as it is told.
#[derive(Deserialize)]
pub(super) struct Hook {
    id: u64,
    config: Config,
    active: bool,
    last_response: Option<LastResponse>,
}

/// What its last delivery was answered with; no code where there was none.
#[derive(Deserialize)]
struct LastResponse {
    code: Option<u16>,
}

impl Hook {
    /// How it stands. A delivery that got no answer has a code that is no success.
    pub(super) fn standing(&self) -> HookStanding {
        let code = self.last_response.as_ref().and_then(|last| last.code);
        match code {
            _ if !self.active => HookStanding::Silenced,
            Some(code) if !deliveries::is_success(code) => HookStanding::Failing,
            _ => HookStanding::Well,
        }
    }
}

#[derive(Deserialize)]
struct Config {
    url: Option<String>,
}

impl Github {
    async fn hooks_at(
        &self,
        access: &Access,
        path: &str,
        url: &str,
    ) -> Result<Vec<Hook>, ProviderError> {
        let answer = self.client.get(access, path, PAGE).await?;
        let mut hooks: Vec<Hook> = object(&answer)?;
        hooks.retain(|hook| hook.config.url.as_deref() == Some(url));
        Ok(hooks)
    }

    async fn told(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let answer = self
            .client
            .ask(access, method.clone(), path, &[], body)
            .await?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.client.refused(access, &method, path, &answer))
        }
    }
}

#[async_trait]
impl Hooks for Github {
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<PutHook, ProviderError> {
        let path = format!("{}/hooks", path::by_id(&place.repository_id)?);
        let body = json!({
            "name": "web",
            "active": true,
            "events": self.events(),
            "config": {
                "url": spec.url,
                "content_type": "json",
                "secret": spec.secret.expose_secret(),
                "insecure_ssl": "0",
            },
        });
        let standing = self.hooks_at(access, &path, spec.url).await?;
        let found = standing.first();
        let answer = match found {
            Some(Hook { id, .. }) => {
                let path = format!("{path}/{id}");
                self.told(access, Method::PATCH, &path, Some(&body)).await?
            }
            None => self.told(access, Method::POST, &path, Some(&body)).await?,
        };
        Ok(PutHook {
            id: object::<Hook>(&answer)?.id.to_string(),
            found: found.map(Hook::standing),
        })
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        let path = format!("{}/hooks", path::by_id(&place.repository_id)?);
        for Hook { id, .. } in self.hooks_at(access, &path, url).await? {
            let path = format!("{path}/{id}");
            self.told(access, Method::DELETE, &path, None).await?;
        }
        Ok(())
    }
}
