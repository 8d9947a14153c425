//! GitLab's hooks of projects.
//!
//! Source: GitLab documentation, "Project webhooks API" (needs Maintainer and the scope `api`).
//! `signing_token` (19.0) signs what is sent; where the host takes it, it is the only thing set, and on
//! older hosts the secret is sent along as `token`. Which of the two a host is, its version says.
//! Deliveries that fail make GitLab switch a hook off, for a while or for good (`alert_status`); changing
//! it does not switch it on. What does is a test that is answered with success ("Re-enable disabled
//! webhooks"), a push of the last commits as they stand; a project without commits has none, and its hook
//! is made anew.

use std::borrow::Cow;

use async_trait::async_trait;
use gitlab::api::{BodyError, Endpoint};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::transport::object;
use super::super::webhook::{HookPlace, HookSpec, HookStanding, Hooks, PutHook, Webhooks};
use super::super::{Access, ErrorClass, ProviderError};
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

/// A hook as it is told.
#[derive(Deserialize)]
pub(super) struct Hook {
    id: u64,
    url: Option<String>,
    alert_status: Option<String>,
}

impl Hook {
    /// How it stands. One that is off only for a while sends nothing just so.
    pub(super) fn standing(&self) -> HookStanding {
        match self.alert_status.as_deref() {
            Some("disabled" | "temporarily_disabled") => HookStanding::Silenced,
            _ => HookStanding::Well,
        }
    }
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
}

impl Gitlab {
    pub(super) async fn asked(
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

    /// A page of a list.
    pub(super) async fn page_at(
        &self,
        access: &Access,
        path: String,
        page: &[(&str, &str)],
    ) -> Result<http::Response<bytes::Bytes>, ProviderError> {
        let (method, body) = (Method::GET, None);
        let endpoint = Asked { method, path, body };
        self.client.ask(access, &endpoint, page).await
    }

    async fn hooks_at(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<Vec<Hook>, ProviderError> {
        let path = hooks_of(place);
        let answer = self.asked(access, Method::GET, path, None).await?;
        let mut hooks: Vec<Hook> = object(&answer)?;
        hooks.retain(|hook| hook.url.as_deref() == Some(url));
        Ok(hooks)
    }

    /// Switches a hook on again: by a test, or by making it anew.
    async fn revive(
        &self,
        access: &Access,
        place: &HookPlace,
        id: u64,
        body: Value,
    ) -> Result<u64, ProviderError> {
        let path = hooks_of(place);
        let test = format!("{path}/{id}/test/push_events");
        let tested = self.asked(access, Method::POST, test, None).await;
        match tested {
            Ok(_) => return Ok(id),
            Err(error) if error.is_transient() || error.class == ErrorClass::Unauthorized => {
                return Err(error);
            }
            Err(_) => {}
        }
        let one = format!("{path}/{id}");
        self.asked(access, Method::DELETE, one, None).await?;
        let answer = self.asked(access, Method::POST, path, Some(body)).await?;
        Ok(object::<Hook>(&answer)?.id)
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

pub(super) fn hooks_of(place: &HookPlace) -> String {
    format!("projects/{}/hooks", place.repository_id)
}

#[async_trait]
impl Hooks for Gitlab {
    async fn put(
        &self,
        access: &Access,
        place: &HookPlace,
        spec: HookSpec<'_>,
    ) -> Result<PutHook, ProviderError> {
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
        let standing = self.hooks_at(access, place, spec.url).await?;
        let found = standing.first().map(Hook::standing);
        let (method, path) = match standing.first() {
            Some(Hook { id, .. }) => (Method::PUT, format!("{path}/{id}")),
            None => (Method::POST, path),
        };
        let told = Some(body.clone());
        let answer = self.asked(access, method, path, told).await?;
        let Hook { mut id, .. } = object(&answer)?;
        if found == Some(HookStanding::Silenced) {
            id = self.revive(access, place, id, body).await?;
        }
        Ok(PutHook {
            id: id.to_string(),
            found,
        })
    }

    async fn remove(
        &self,
        access: &Access,
        place: &HookPlace,
        url: &str,
    ) -> Result<(), ProviderError> {
        for Hook { id, .. } in self.hooks_at(access, place, url).await? {
            let path = format!("{}/{id}", hooks_of(place));
            self.asked(access, Method::DELETE, path, None).await?;
        }
        Ok(())
    }
}
