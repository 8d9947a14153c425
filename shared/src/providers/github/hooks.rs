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
use super::super::webhook::{HookPlace, HookSpec, Hooks, Webhooks};
use super::super::{Access, ProviderError};
use super::{Github, path};
use crate::domain::secret::ExposeSecret;

/// A repository has at most 20 hooks of one event.
const PAGE: &[(&str, &str)] = &[("per_page", "100")];

#[derive(Deserialize)]
struct Hook {
    id: u64,
    config: Config,
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
    ) -> Result<Vec<u64>, ProviderError> {
        let answer = self.client.get(access, path, PAGE).await?;
        let hooks: Vec<Hook> = object(&answer)?;
        let same = |hook: &Hook| hook.config.url.as_deref() == Some(url);
        Ok(hooks
            .iter()
            .filter(|hook| same(hook))
            .map(|hook| hook.id)
            .collect())
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
    ) -> Result<String, ProviderError> {
        let path = format!("{}/hooks", path::repository(&place.full_name)?);
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
        let answer = match self.hooks_at(access, &path, spec.url).await?.first() {
            Some(id) => {
                let path = format!("{path}/{id}");
                self.told(access, Method::PATCH, &path, Some(&body)).await?
            }
            None => self.told(access, Method::POST, &path, Some(&body)).await?,
        };
        Ok(object::<Hook>(&answer)?.id.to_string())
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        let path = format!("{}/hooks", path::repository(&place.full_name)?);
        for id in self.hooks_at(access, &path, url).await? {
            let path = format!("{path}/{id}");
            self.told(access, Method::DELETE, &path, None).await?;
        }
        Ok(())
    }
}
