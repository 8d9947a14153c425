//! Bitbucket Cloud.
//!
//! Needs: Bitbucket has no listing across workspaces any more (they answer 410 since 2026), three
//! families of credentials that are presented in two ways, and no place of its own but one.
//! Design: our own HTTP client and lean structs; a listing walks the workspaces in the order of
//! their UUIDs ([`workspaces`]) and the repositories of each by the vendor's own next links, of
//! which only the query is kept ([`paging`]).
//!
//! **Credentials.** An API token (`ATATT3…`) is a user's and goes as Basic with the e-mail of the
//! Atlassian account: an `@` in the connection's user name is what tells it. All others go as
//! Bearer. An access token (`ATCTT3…`) belongs to a workspace, a project or a repository and is no
//! user: `GET /user` refuses it with 403 (and tells its scopes and kind in headers all the same).
//! Where its repositories are, the token of a workspace learns from `GET /user/workspaces`; those
//! of projects and repositories learn it nowhere. For them the connection's user name says it, as
//! `workspace` or `workspace/repository`, and [`credential::unanswered`] is the sentence that asks
//! for it. An access token has no role, so what it may write follows from its scopes.
//!
//! **Races.** Pages are numbered at the vendor, so a repository deleted during a walk may pull
//! another one onto a page that was read: the walk is not stable, and what was not seen is asked
//! for by its UUID, since slugs change with names and old ones lead nowhere. A workspace that
//! comes during the walk is seen if it is still ahead, one that goes is left out; one that is still
//! listed and refuses (a wall of addresses, two-step verification) makes the listing partial.

mod branches;
mod client;
mod credential;
mod errors;
mod hooks;
mod identity;
mod instance;
mod live;
mod oauth;
mod paging;
mod path;
mod repositories;
mod token_form;
mod walk;
mod webhook;
mod webhook_events;
mod workspaces;
mod writable;

use async_trait::async_trait;
use url::Url;

use super::{
    Access, BranchPage, BranchQuery, Cursor, Identity, InputFault, ListQuery, OAuth, Provider,
    ProviderError, RepositoryPage, Scheme, TokenFormError,
};
use crate::clock::Clock;
use crate::domain::auth_method::AuthMethod;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::repository::RemoteRepository;
use crate::outbound::{Outbound, UrlError};
use client::Client;
use oauth::BitbucketOAuth;

/// The adapter for Bitbucket Cloud.
pub struct Bitbucket {
    outbound: Outbound,
    client: Client,
    oauth: BitbucketOAuth,
    configured: Instance,
}

impl Bitbucket {
    /// An adapter over an HTTP client; the addresses are the platform's, of the web pages and of
    /// the API with its version (`…/2.0`).
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, web_url: &Url, api_url: &Url) -> Self {
        Self {
            oauth: BitbucketOAuth::new(outbound.clone(), clock.clone()),
            client: Client::new(outbound.clone(), clock),
            outbound,
            configured: instance::at(web_url, api_url),
        }
    }
}

#[async_trait]
impl Provider for Bitbucket {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Bitbucket
    }

    /// There is one Bitbucket Cloud; other addresses do not pass [`Provider::check_web_url`].
    fn instance(&self, _web_url: Option<&Url>) -> Instance {
        self.configured.clone()
    }

    fn check_web_url(&self, web_url: &Url) -> Result<(), UrlError> {
        if web_url.origin() == self.configured.web_url.origin() {
            return Ok(());
        }
        Err(UrlError {
            code: "unsupported_instance",
            message: "Mooring connects Bitbucket where its vendor hosts it, and this is another address. Leave base_url out."
                .to_owned(),
        })
    }

    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError> {
        token_form::check(token)
    }

    fn check_username(&self, token: &str, username: Option<&str>) -> Result<(), TokenFormError> {
        token_form::check_username(token, username)
    }

    fn explain_refusal(&self, access: &Access, error: &ProviderError) -> Option<InputFault> {
        credential::unanswered(access, error)
    }

    fn scheme(&self, method: AuthMethod, username: Option<&str>) -> Scheme {
        if method.is_pasted() && username.is_some_and(credential::is_email) {
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
        repositories::page(&self.client, access, query, cursor).await
    }

    fn walk_is_stable(&self) -> bool {
        false
    }

    async fn repository(
        &self,
        access: &Access,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        repositories::one(&self.client, access, full_name).await
    }

    async fn known_repository(
        &self,
        access: &Access,
        id: &str,
        _full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        repositories::known(&self.client, access, id).await
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

    /// Of API tokens, which the Atlassian account keeps, not Bitbucket.
    // Source: Atlassian, "Using API tokens" and "Access tokens": static names for each kind.
    fn git_username(&self, scheme: Scheme) -> Option<&'static str> {
        Some(match scheme {
            Scheme::Basic => "x-bitbucket-api-token-auth",
            _ => "x-token-auth",
        })
    }

    fn token_page(&self, _instance: &Instance) -> String {
        "https://id.atlassian.com/manage-profile/security/api-tokens".to_owned()
    }
}
