//! OAuth at GitLab, be it under a sub-path.
//!
//! Sources: "OAuth 2.0 identity provider API" (a refresh invalidates the old pair and has to repeat
//! the redirect URI), and Doorkeeper, by which GitLab serves it. The one `invalid_grant` covers a
//! spent code, a lost race, and a redirect URI that differs.

use async_trait::async_trait;
use chrono::DateTime;
use url::Url;

use super::super::oauth::{AuthorizeRequest, Grant, GrantError, OAuth, OAuthApp, Rotation};
use super::super::token_endpoint::{
    Client, Field, Pair, Refused, Reply, TokenEndpoint, page, scopes, standard,
};
use super::super::transport::no_answer;
use super::super::{ErrorClass, ProviderError};
use super::errors;
use crate::clock::Clock;
use crate::domain::secret::Secret;
use crate::outbound::Outbound;

/// OAuth at instances of GitLab.
pub struct GitlabOAuth {
    endpoint: TokenEndpoint,
}

impl GitlabOAuth {
    /// OAuth over an HTTP client.
    #[must_use]
    pub const fn new(outbound: Outbound, clock: Clock) -> Self {
        Self {
            endpoint: TokenEndpoint::new(outbound, clock),
        }
    }

    async fn ask(&self, app: &OAuthApp, form: &[(&str, Field<'_>)]) -> Result<Grant, GrantError> {
        let url = page(&app.instance, "/oauth/token");
        self.endpoint
            .ask(app, &url, Client::InForm, form, read)
            .await
    }
}

#[async_trait]
impl OAuth for GitlabOAuth {
    fn default_scopes(&self) -> &'static [&'static str] {
        &["api", "read_user"]
    }

    fn rotation(&self) -> Rotation {
        Rotation {
            single_use: true,
            kills_access_token: true,
        }
    }

    fn authorize_url(&self, app: &OAuthApp, request: &AuthorizeRequest<'_>) -> Url {
        let mut url = page(&app.instance, "/oauth/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", app.redirect_uri.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", &app.scope(self.default_scopes()))
            .append_pair("state", request.state)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }

    async fn exchange(
        &self,
        app: &OAuthApp,
        code: &Secret,
        verifier: &Secret,
    ) -> Result<Grant, GrantError> {
        let form = [
            ("grant_type", Field::Plain("authorization_code")),
            ("code", Field::Secret(code)),
            ("redirect_uri", Field::Plain(app.redirect_uri.as_str())),
            ("code_verifier", Field::Secret(verifier)),
        ];
        self.ask(app, &form).await
    }

    async fn refresh(&self, app: &OAuthApp, refresh_token: &Secret) -> Result<Grant, GrantError> {
        let form = [
            ("grant_type", Field::Plain("refresh_token")),
            ("refresh_token", Field::Secret(refresh_token)),
            ("redirect_uri", Field::Plain(app.redirect_uri.as_str())),
        ];
        self.ask(app, &form).await
    }

    /// Takes the refresh token along: they are one row there. An unknown token is no failure.
    async fn revoke(&self, app: &OAuthApp, access_token: &Secret) -> Result<bool, ProviderError> {
        let url = page(&app.instance, "/oauth/revoke");
        let form = [("token", Field::Secret(access_token))];
        let answer = self.endpoint.send(app, &url, Client::InForm, &form).await;
        let answer = answer.map_err(|error| no_answer(&error))?;
        if answer.status().is_success() {
            return Ok(true);
        }
        let mut error = errors::classify(&answer, self.endpoint.now());
        error.detail = format!("revoking a token was answered {}", answer.status().as_u16());
        Err(error)
    }
}

/// The table of GitLab's answers.
fn read(reply: &Reply) -> Result<Grant, Refused> {
    if let Some(refused) = reply.throttled() {
        return Err(refused);
    }
    if let Some(refusal) = reply.refusal(reply.body()) {
        let class = standard(&refusal.error);
        return Err(reply.refused(refusal, class, None));
    }
    match reply.pair(reply.body()) {
        Some(pair) => Ok(granted(pair, reply)),
        None => Err(banned(reply).unwrap_or_else(|| reply.unknown())),
    }
}

/// The ban of an address is a 403 before GitLab itself, in text.
fn banned(reply: &Reply) -> Option<Refused> {
    let error = errors::classify(&reply.answer, reply.now);
    let banned = reply.status() == 403 && error.class == ErrorClass::RateLimited;
    banned.then(|| reply.later(error.retry_at, "the address is banned for a while"))
}

/// Lifetimes are counted from when GitLab says that the pair was made. That cannot be before it was
/// asked for or after it was there: a host whose clock is wrong would else give grants that have
/// ended when they come, and be asked for another at once, or ones that never seem to end.
fn granted(pair: Pair, reply: &Reply) -> Grant {
    let told = pair
        .created_at
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let made = told.map_or(reply.asked_at, |told| {
        told.max(reply.asked_at).min(reply.now)
    });
    let scope = pair.scope.as_deref().map(|scope| scopes(scope, false));
    pair.grant(made, scope)
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
