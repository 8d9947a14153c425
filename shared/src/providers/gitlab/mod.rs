//! GitLab: gitlab.com and self-managed instances, possibly under a sub-path.

mod branches;
mod client;
mod errors;
mod hook_deliveries;
mod hooks;
mod identity;
mod instance;
mod oauth;
mod repositories;
mod rotation;
mod token_form;
mod webhook;
mod webhook_events;
mod writable;

use async_trait::async_trait;
use url::Url;

use super::{
    Access, BranchPage, BranchQuery, CheckedPage, Cursor, HeldPage, Identity, ListQuery, OAuth,
    Provider, ProviderError, RepositoryPage, Scheme, TokenFormError, TokenRotation,
};
use crate::clock::Clock;
use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::repository::RemoteRepository;
use crate::outbound::Outbound;
use client::Client;
use oauth::GitlabOAuth;

/// GitLab has no limit of its own on requests at once, but many an instance is one small machine.
const PAGES_AT_ONCE: usize = 5;

/// The adapter for GitLab.
pub struct Gitlab {
    client: Client,
    oauth: GitlabOAuth,
    configured: Instance,
}

impl Gitlab {
    /// An adapter over an HTTP client; `web_url` is the platform's instance.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, web_url: &Url) -> Self {
        Self {
            oauth: GitlabOAuth::new(outbound.clone(), clock.clone()),
            client: Client::new(outbound, clock),
            configured: instance::at(web_url),
        }
    }
}

#[async_trait]
impl Provider for Gitlab {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Gitlab
    }

    fn instance(&self, web_url: Option<&Url>) -> Instance {
        web_url.map_or_else(|| self.configured.clone(), instance::at)
    }

    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError> {
        token_form::check(token)
    }

    fn scheme(&self, method: AuthMethod, _username: Option<&str>) -> Scheme {
        // An access token is sent as such; Doorkeeper's OAuth tokens are known as Bearer only.
        if method.is_pasted() {
            Scheme::PrivateToken
        } else {
            Scheme::Bearer
        }
    }

    async fn identity(&self, access: &Access) -> Result<Identity, ProviderError> {
        identity::identity(&self.client, access).await
    }

    async fn repositories(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
    ) -> Result<RepositoryPage, ProviderError> {
        let page = repositories::page(&self.client, access, query, cursor, None).await?;
        Ok(page.page)
    }

    async fn repositories_if_changed(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
        held: Option<&HeldPage>,
    ) -> Result<CheckedPage, ProviderError> {
        repositories::page(&self.client, access, query, cursor, held).await
    }

    async fn writable(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
        held: Option<&HeldPage>,
    ) -> Result<CheckedPage, ProviderError> {
        writable::page(&self.client, access, query, cursor, held).await
    }

    fn pages_at_once(&self) -> usize {
        PAGES_AT_ONCE
    }

    fn goes_on_from(&self, cursor: Option<&Cursor>, next: &Cursor, planned: &Cursor) -> bool {
        repositories::goes_on_from(cursor, next, planned)
    }

    fn walk_is_stable(&self) -> bool {
        true
    }

    async fn repository(
        &self,
        access: &Access,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        repositories::one(&self.client, access, full_name).await
    }

    async fn branches(
        &self,
        access: &Access,
        query: &BranchQuery,
    ) -> Result<BranchPage, ProviderError> {
        branches::page(&self.client, access, query).await
    }

    fn oauth(&self) -> &dyn OAuth {
        &self.oauth
    }

    fn rotation(&self) -> Option<&dyn TokenRotation> {
        Some(self)
    }

    // Source: GitLab documentation, "Access Git over HTTPS with an OAuth 2.0 token"; any name works
    // with access tokens.
    fn git_username(&self, _scheme: Scheme) -> Option<&'static str> {
        Some("oauth2")
    }

    fn token_page(&self, instance: &Instance) -> String {
        instance.web("/-/user_settings/personal_access_tokens")
    }
}
