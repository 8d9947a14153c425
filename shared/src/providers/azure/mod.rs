//! Azure DevOps Services: organizations at one address, their people at another.
//!
//! Needs: a personal access token is good for one organization, a person's token of Microsoft
//! Entra for all of hers; whoever is not known gets a page to sign in, with a success or a
//! redirect for a status, so that not even a 200 may be believed before it is JSON.
//! Design: lean structs over our own client, which follows no redirect here. Repositories come
//! project by project, since their listings have no pages ([`repositories`]).
//!
//! Azure DevOps Server, on hosts of its own, is not served: its listings and tokens differ, and
//! its addresses are somebody's network.

mod branches;
mod client;
mod errors;
mod hook_deliveries;
mod hooks;
mod identity;
mod instance;
mod list;
mod oauth;
mod organization_form;
mod organizations;
mod path;
mod repositories;
mod token_form;
mod walk;
mod webhook;
mod webhook_events;

use async_trait::async_trait;
use url::Url;

use super::{
    Access, BranchPage, BranchQuery, Cursor, Identity, ListQuery, OAuth, Provider, ProviderError,
    RepositoryPage, Scheme, TokenFormError,
};
use crate::clock::Clock;
use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::repository::RemoteRepository;
use crate::outbound::{Outbound, UrlError};
use client::Client;
use oauth::EntraOAuth;

/// The adapter for Azure DevOps.
pub struct AzureDevops {
    outbound: Outbound,
    client: Client,
    oauth: EntraOAuth,
    configured: Instance,
}

impl AzureDevops {
    /// An adapter over an HTTP client; `web_url` is where organizations are, `login_url` where
    /// their people sign in (a path on it names the one tenant), `profile_url` where they are listed.
    #[must_use]
    pub fn new(
        outbound: Outbound,
        clock: Clock,
        web_url: &Url,
        login_url: &Url,
        profile_url: &Url,
    ) -> Self {
        Self {
            oauth: EntraOAuth::new(outbound.clone(), clock.clone(), login_url),
            client: Client::new(outbound.clone(), clock, profile_url),
            outbound,
            configured: instance::at(web_url),
        }
    }
}

#[async_trait]
impl Provider for AzureDevops {
    fn kind(&self) -> ProviderKind {
        ProviderKind::AzureDevops
    }

    fn instance(&self, _web_url: Option<&Url>) -> Instance {
        // There is no other; see `check_web_url`.
        self.configured.clone()
    }

    fn check_web_url(&self, web_url: &Url) -> Result<(), UrlError> {
        instance::check(&self.configured, web_url)
    }

    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError> {
        token_form::check(token)
    }

    fn check_organization(
        &self,
        method: AuthMethod,
        given: Option<&str>,
    ) -> Result<Option<String>, TokenFormError> {
        organization_form::check(method, given)
    }

    fn scheme(&self, method: AuthMethod, _username: Option<&str>) -> Scheme {
        // Any user name does, or none.
        if method.is_pasted() {
            Scheme::Basic
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
        walk::page(&self.client, access, query, cursor).await
    }

    fn walk_is_stable(&self) -> bool {
        // Within a project it is; pages of projects are numbered.
        false
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

    fn token_page(&self, instance: &Instance) -> String {
        instance.web("/_usersSettings/tokens")
    }
}
