//! GitHub: github.com, data residency (`SUB.ghe.com`) and GitHub Enterprise Server.

mod app;
mod branches;
mod client;
mod deliveries;
mod errors;
mod hook_deliveries;
mod hooks;
mod identity;
mod instance;
mod oauth;
mod path;
mod repositories;
mod token_form;
mod webhook;
mod webhook_events;

use async_trait::async_trait;
use url::Url;

use super::{
    Access, BranchPage, BranchQuery, CheckedPage, Cursor, HeldPage, Identity, ListQuery, OAuth,
    Provider, ProviderError, RepositoryPage, Scheme, TokenFormError,
};
use crate::clock::Clock;
use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::repository::RemoteRepository;
use crate::outbound::Outbound;
use client::Client;
use oauth::GithubOAuth;

/// A tenth of the hundred requests that GitHub lets one credential have under way at once, over all
/// its users.
const PAGES_AT_ONCE: usize = 10;

/// The adapter for GitHub.
pub struct Github {
    client: Client,
    oauth: GithubOAuth,
    configured: Instance,
}

impl Github {
    /// An adapter over an HTTP client. Must be made inside a Tokio runtime. `web_url` and
    /// `api_url` are the platform's instance; without the second it follows from the first.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, web_url: &Url, api_url: Option<&Url>) -> Self {
        let mut configured = instance::at(web_url);
        if let Some(api_url) = api_url {
            configured.api_url = api_url.clone();
        }
        Self {
            oauth: GithubOAuth::new(outbound.clone(), clock.clone()),
            client: Client::new(outbound, clock),
            configured,
        }
    }
}

#[async_trait]
impl Provider for Github {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Github
    }

    fn instance(&self, web_url: Option<&Url>) -> Instance {
        match web_url.map(instance::at) {
            Some(other) if other.web_url != self.configured.web_url => other,
            _ => self.configured.clone(),
        }
    }

    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError> {
        token_form::check(token)
    }

    fn scheme(&self, method: AuthMethod, _username: Option<&str>) -> Scheme {
        match method {
            AuthMethod::GithubApp => Scheme::Installation,
            _ => Scheme::Bearer,
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

    fn pages_at_once(&self) -> usize {
        PAGES_AT_ONCE
    }

    fn walk_is_stable(&self) -> bool {
        false
    }

    async fn repository(
        &self,
        access: &Access,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        repositories::one(&self.client, access, full_name)
            .await
            .map(RemoteRepository::from)
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

    // Source: GitHub documentation, "Authenticating as a GitHub App installation": HTTP-based Git
    // access; any name works with the other kinds.
    fn git_username(&self, _scheme: Scheme) -> Option<&'static str> {
        Some("x-access-token")
    }

    fn token_page(&self, instance: &Instance) -> String {
        instance.web("/settings/tokens")
    }
}
