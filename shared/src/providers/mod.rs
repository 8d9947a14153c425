//! One trait, four providers: everything that is particular to a provider is behind it.
//!
//! Needs: flows and jobs must not know which provider they talk to; a fact about a provider must
//! have one place; a call must be classified once, where status, headers and body are at hand.
//! Design: a grid of `{github,gitlab,…}/{client,identity,repositories,branches,…}.rs` behind
//! [`Provider`], and one `match` on the kind in the whole tree ([`Providers::of`]).
//! An adapter keeps no state of a tenant: what it needs comes in an [`Access`].

mod access;
mod apps;
mod azure;
mod bitbucket;
mod checked;
mod error;
mod github;
mod gitlab;
mod oauth;
mod registry;
mod rotation;
mod token_endpoint;
mod token_prefix;
mod transport;
mod webhook;

pub use crate::outbound::Memory;
pub use access::{Access, Scheme};
pub use apps::{
    App, AppFacts, Apps, Holding, Installation, InstallationToken, Narrowing, Selection,
};
pub use checked::{CheckedPage, HeldPage};
pub use error::{ErrorClass, ProviderError};
pub use oauth::{AuthorizeRequest, Grant, GrantError, GrantErrorClass, OAuth, OAuthApp, Rotation};
pub use registry::{ConfiguredInstances, Providers};
pub use rotation::{RotateError, RotateErrorClass, Successor, TokenLife, TokenRotation};
pub use webhook::{
    AppDeliveries, BranchMove, Envelope, Expected, Happening, HookDeliveries, HookEvent, HookPlace,
    HookSpec, HookStanding, Hooks, InstallationChange, Malformed, Proof, PullRequest,
    PullRequestChange, Push, PutHook, Recalled, Remembered, RememberedPage, RepositoryChange,
    ToldRepository, Webhooks,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Account;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::quota::RateLimit;
use crate::domain::repository::{Branch, RemoteRepository};
use crate::outbound::UrlError;

/// What a credential turned out to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The account it acts as.
    pub account: Account,
    /// Scopes as granted; `None` where the provider does not tell (fine-grained tokens).
    pub scopes: Option<Vec<String>>,
    /// Scopes that listing and reading repositories need and that are not granted.
    pub missing_scopes: Vec<String>,
    /// When the token ends, where the provider tells.
    pub token_expires_at: Option<DateTime<Utc>>,
    /// The rate limit as told by the answer.
    pub rate_limit: RateLimit,
}

/// Where a listing stands: opaque to callers, stored with a sync run.
///
/// Adapters put into it what the provider needs for the next page (a page number, an `id_after`),
/// never a whole URL, so that a stored cursor cannot send a credential elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor(pub serde_json::Value);

/// What a listing asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Repositories per page, 1–100.
    pub per_page: u32,
    /// A page number from 1, for live listings by page; ignored where a cursor is given.
    pub page: Option<u32>,
    /// Text that the name must contain; empty for all.
    pub search: Option<String>,
}

/// A page of repositories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepositoryPage {
    /// In the provider's order.
    pub repositories: Vec<RemoteRepository>,
    /// Items that could not be read: reported, never fatal.
    pub undecodable: Vec<Undecodable>,
    /// Repositories in all, where the provider tells.
    pub total: Option<i64>,
    /// The next page; `None` at the end.
    pub next: Option<Cursor>,
    /// The pages behind `next`, where the provider tells of them on a listing's first page. They
    /// may be fetched at once and in any order; a page at the end that has come into being
    /// meanwhile is the `next` of the last of them.
    pub ahead: Vec<Cursor>,
    /// The provider left out what the token may not see (`X-GitHub-SSO: partial-results`).
    pub partial: bool,
    /// Requests that it took.
    pub requests: u32,
    /// The rate limit as told by the last answer.
    pub rate_limit: RateLimit,
}

/// An item of a listing that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// The provider's immutable id, where at least that could be read.
    pub id: Option<String>,
    /// For operators: which item and why.
    pub detail: String,
}

/// What a listing of branches asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchQuery {
    /// `owner/name` as the provider writes it.
    pub full_name: String,
    /// Text that the name must contain.
    pub search: Option<String>,
    /// From 1.
    pub page: u32,
    /// 1–100.
    pub per_page: u32,
}

/// A page of branches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BranchPage {
    /// In the provider's order.
    pub branches: Vec<Branch>,
    /// Whether more follow.
    pub has_next: bool,
}

/// What the rest of Mooring asks of a provider. Every call is one logical question; transport,
/// paging form and classification of failures are the adapter's.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which provider it is.
    fn kind(&self) -> ProviderKind;

    /// The instance at a web address that [`crate::outbound::check_url`] has let pass, or the one
    /// that the platform's configuration names. The configured one's own address means it too,
    /// with its configured API.
    fn instance(&self, web_url: Option<&Url>) -> Instance;

    /// Whether a connection may name an instance at this web address. A provider that there is in
    /// one place only refuses every other.
    ///
    /// # Errors
    /// [`UrlError`] with the sentence for the person who typed it.
    fn check_web_url(&self, _web_url: &Url) -> Result<(), UrlError> {
        Ok(())
    }

    /// Checks the form of a pasted token before anything is sent: another provider's prefix, a
    /// kind of token that cannot work. The error is a sentence for the person who pasted it.
    ///
    /// # Errors
    /// [`TokenFormError`] with the stable code and the sentence.
    fn check_token_form(&self, token: &str) -> Result<(), TokenFormError>;

    /// Checks what was given as user name beside a token of good form, before anything is sent.
    ///
    /// # Errors
    /// [`TokenFormError`] with the stable code and the sentence, about the user name.
    fn check_username(&self, _token: &str, _username: Option<&str>) -> Result<(), TokenFormError> {
        Ok(())
    }

    /// What a person who pasted a credential is told of its refusal where the provider knows more
    /// than the general sentence of the error's class.
    fn explain_refusal(&self, _access: &Access, _error: &ProviderError) -> Option<InputFault> {
        None
    }

    /// Checks the organization that is named beside a credential, without white space around it,
    /// and answers the name to be stored. Only Azure DevOps has organizations of this kind.
    ///
    /// # Errors
    /// [`TokenFormError`] with the stable code and the sentence.
    fn check_organization(
        &self,
        _method: AuthMethod,
        given: Option<&str>,
    ) -> Result<Option<String>, TokenFormError> {
        match given {
            None => Ok(None),
            Some(_) => Err(TokenFormError {
                code: "unsupported_combination",
                message: "Only Azure DevOps has organizations of this kind. Leave this out."
                    .to_owned(),
            }),
        }
    }

    /// How a token of this method is presented; `username` is what was given with it.
    fn scheme(&self, method: AuthMethod, username: Option<&str>) -> Scheme;

    /// Who this credential is, what it may do and how long.
    async fn identity(&self, access: &Access) -> Result<Identity, ProviderError>;

    /// One page of the repositories that the credential sees: from the start or from a cursor.
    /// A complete walk of all cursors sees every repository once, whatever changes meanwhile,
    /// where the provider has an order that allows it (GitLab keyset by id).
    async fn repositories(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
    ) -> Result<RepositoryPage, ProviderError>;

    /// The same for a page that was read before: where the provider can say that it has not changed,
    /// its body is not sent again.
    async fn repositories_if_changed(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
        held: Option<&HeldPage>,
    ) -> Result<CheckedPage, ProviderError> {
        let _ = held;
        self.repositories(access, query, cursor)
            .await
            .map(CheckedPage::from)
    }

    /// One page of the repositories that the credential may write to, in any order: what somebody
    /// picks from. By itself the walk, of which callers leave out what says that it is read-only;
    /// another listing where the provider can choose by access.
    async fn writable(
        &self,
        access: &Access,
        query: &ListQuery,
        cursor: Option<&Cursor>,
        held: Option<&HeldPage>,
    ) -> Result<CheckedPage, ProviderError> {
        self.repositories_if_changed(access, query, cursor, held)
            .await
    }

    /// How many pages of one credential's listing may be asked for at once, where more than one is
    /// known of.
    fn pages_at_once(&self) -> usize {
        1
    }

    /// Whether the listing from `cursor` (the start, where there is none) to `next` is gone on with
    /// by a walk from `planned`. By itself where that is the page which `next` names; where a cursor
    /// is a place in an order, every place that was passed on the way serves too.
    fn goes_on_from(&self, cursor: Option<&Cursor>, next: &Cursor, planned: &Cursor) -> bool {
        let _ = cursor;
        planned == next
    }

    /// Whether a complete walk sees every repository even while others are deleted (an order by id
    /// does; numbered pages do not: what follows a deleted one slides onto the page before).
    fn walk_is_stable(&self) -> bool;

    /// One repository by its full name; a rename is followed where the provider redirects.
    async fn repository(
        &self,
        access: &Access,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError>;

    /// One repository that was seen before, however it is called now. By its full name, unless
    /// the provider follows no renames and takes ids.
    async fn known_repository(
        &self,
        access: &Access,
        _id: &str,
        full_name: &str,
    ) -> Result<RemoteRepository, ProviderError> {
        self.repository(access, full_name).await
    }

    /// One page of branches.
    async fn branches(
        &self,
        access: &Access,
        query: &BranchQuery,
    ) -> Result<BranchPage, ProviderError>;

    /// The user name under which git presents a token of this kind over HTTPS, and `None` where any
    /// name will do.
    fn git_username(&self, _scheme: Scheme) -> Option<&'static str> {
        None
    }

    /// OAuth here.
    fn oauth(&self) -> &dyn OAuth;

    /// Tokens that make their own successor; `None` where there are none.
    fn rotation(&self) -> Option<&dyn TokenRotation> {
        None
    }

    /// The page at the provider where a person makes or mends a token.
    fn token_page(&self, instance: &Instance) -> String;
}

/// What was pasted and cannot work, found by its form alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TokenFormError {
    /// A stable code (`wrong_provider_token`, `unsupported_token`, `malformed_token`; of an
    /// organization `required`, `malformed`, `unsupported_combination`).
    pub code: &'static str,
    /// What to do.
    pub message: String,
}

/// A field of an input that has to be another one, found by asking the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFault {
    /// The field.
    pub field: &'static str,
    /// A stable code.
    pub code: &'static str,
    /// What to do.
    pub message: String,
}
