//! OAuth at a provider: a person's consent becomes a grant, a grant is renewed, a grant is given back.
//!
//! Needs: four token endpoints that fail in four ways must look like one to `session`, and every
//! failure must say whether the code or the refresh token that was presented is spent, because
//! presenting one twice destroys the grant at half of the providers.
//! Design: [`OAuth`] beside [`Provider`](super::Provider); what failed is a [`GrantError`] whose
//! [`GrantErrorClass`] is decided once, in one table per provider, from status, headers and body
//! (GitHub answers 200 with an error, or form-encoded). No method here repeats a request: whoever
//! holds the token's lease decides what a lost answer means.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use super::ProviderError;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;

/// A registration at one instance, as an organization or the platform has made it there.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    /// Where it is registered.
    pub instance: Instance,
    /// Its public id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Exactly as registered; GitLab wants it again with every refresh.
    pub redirect_uri: Url,
    /// Scopes to ask for; `None` asks for the provider's [`OAuth::default_scopes`].
    pub scopes: Option<Vec<String>>,
}

impl OAuthApp {
    /// The scopes to ask for, as providers want them in a link: parted by spaces.
    pub(super) fn scope(&self, default: &[&str]) -> String {
        match &self.scopes {
            Some(scopes) => scopes.join(" "),
            None => default.join(" "),
        }
    }
}

/// What goes into the link to a consent page.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest<'a> {
    /// Comes back with the code.
    pub state: &'a str,
    /// The S256 challenge (base64url without padding), sent where the provider knows PKCE.
    pub code_challenge: &'a str,
    /// The account that the consent is expected of, as a hint, where the provider takes one.
    pub login_hint: Option<&'a str>,
}

/// What a provider granted.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token; after a refresh `None` means that the old one goes on to be good.
    pub refresh_token: Option<Secret>,
    /// When the access token ends; `None` is never. Counted from when the provider says that it
    /// was made (GitLab's `created_at`), else from when it was asked for.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends, where the provider tells.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// Scopes as granted, not as asked; `None` where the provider does not tell.
    pub scopes: Option<Vec<String>>,
}

/// What a failure at the token endpoint means for the code or refresh token that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantErrorClass {
    /// Refused for good: spent, revoked, past its end (`invalid_grant`, `bad_refresh_token`,
    /// `bad_verification_code`).
    Refused,
    /// Refused for good, and the provider says that somebody revoked it (`AADSTS50173`).
    Revoked,
    /// The registration is at fault, the operator's or the organization's own: a wrong client
    /// secret, an unknown client, a redirect URI that is not registered. Nothing is spent.
    Operator,
    /// The provider wants the person there: consent, second factor, conditional access. The token
    /// is not spent; only connecting again helps.
    InteractionRequired,
    /// A definite "later" (429, 503 of the provider's own): nothing is spent.
    Later,
    /// Nothing was sent: not resolved, not connected, or kept back by the egress guard.
    NotSent,
    /// No answer, 5xx, or none of the endpoint's own format: the token may be spent.
    Unknown,
}

impl GrantErrorClass {
    /// Whether what was presented may have been used up without our knowing.
    #[must_use]
    pub const fn may_be_spent(self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// A failed call to a token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct GrantError {
    /// What it means.
    pub class: GrantErrorClass,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The provider's stable code (`invalid_grant`, `AADSTS700082`), where it gave one.
    pub code: Option<String>,
    /// For operators: what came, shortened, never a secret.
    pub detail: String,
    /// When to ask again, where the provider said so.
    pub retry_at: Option<DateTime<Utc>>,
}

/// What a refresh does to the pair that it replaces. Sources: PROVIDERS' own documents, see each
/// adapter's `oauth.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The refresh token works once; presenting it again is refused (GitHub Apps, GitLab).
    pub single_use: bool,
    /// The old access token dies with the refresh, also for requests under way.
    pub kills_access_token: bool,
}

/// OAuth at one provider.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// The scopes that Mooring asks for where the registration names none.
    fn default_scopes(&self) -> &'static [&'static str];

    /// What a refresh does to the old pair.
    fn rotation(&self) -> Rotation;

    /// The consent page's address.
    fn authorize_url(&self, app: &OAuthApp, request: &AuthorizeRequest<'_>) -> Url;

    /// Exchanges a code, once. `verifier` is the PKCE verifier to the challenge that was sent.
    async fn exchange(
        &self,
        app: &OAuthApp,
        code: &Secret,
        verifier: &Secret,
    ) -> Result<Grant, GrantError>;

    /// Presents a refresh token, once.
    async fn refresh(&self, app: &OAuthApp, refresh_token: &Secret) -> Result<Grant, GrantError>;

    /// Gives a grant back, where the provider knows how; `Ok(false)` where it does not (Bitbucket,
    /// Entra: the person revokes it there).
    async fn revoke(&self, app: &OAuthApp, access_token: &Secret) -> Result<bool, ProviderError>;
}
