//! OAuth at GitHub: OAuth apps, and the user tokens of GitHub Apps.
//!
//! Sources: "Authorizing OAuth apps", "Generating a user access token for a GitHub App",
//! "Refreshing user access tokens" (a refresh ends the old pair at once), "Troubleshooting OAuth
//! app access token request errors", "REST API endpoints for OAuth authorizations", the changelog
//! of 14 July 2025 (PKCE). The endpoint fails with 200 and an `error` in its body, and older
//! Enterprise Servers answer in a form whatever is accepted, so both are read as both. That an
//! unknown client id is a 404 with `{"error":"Not Found"}`, and `unauthorized_client` the end of a
//! user's grant, is as public clients have seen it.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::super::oauth::{
    AuthorizeRequest, Grant, GrantError, GrantErrorClass, OAuth, OAuthApp, Rotation,
};
use super::super::token_endpoint::{
    Client, Field, Pair, Refused, Reply, TokenEndpoint, basic, page, scopes, standard,
};
use super::super::transport::{failure, no_answer, trusting};
use super::super::{ErrorClass, ProviderError};
use super::{errors, path};
use crate::clock::Clock;
use crate::domain::secret::{ExposeSecret, Secret};
use crate::outbound::Outbound;

/// OAuth at instances of GitHub.
pub struct GithubOAuth {
    endpoint: TokenEndpoint,
}

impl GithubOAuth {
    /// OAuth over an HTTP client.
    #[must_use]
    pub const fn new(outbound: Outbound, clock: Clock) -> Self {
        Self {
            endpoint: TokenEndpoint::new(outbound, clock),
        }
    }

    async fn ask(&self, app: &OAuthApp, form: &[(&str, Field<'_>)]) -> Result<Grant, GrantError> {
        let url = page(&app.instance, "/login/oauth/access_token");
        self.endpoint
            .ask(app, &url, Client::InForm, form, read)
            .await
    }
}

#[async_trait]
impl OAuth for GithubOAuth {
    fn default_scopes(&self) -> &'static [&'static str] {
        &["repo", "read:org", "read:user"]
    }

    fn rotation(&self) -> Rotation {
        Rotation {
            single_use: true,
            kills_access_token: true,
        }
    }

    fn authorize_url(&self, app: &OAuthApp, request: &AuthorizeRequest<'_>) -> Url {
        let mut url = page(&app.instance, "/login/oauth/authorize");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", app.redirect_uri.as_str());
        let scope = app.scope(self.default_scopes());
        if !scope.is_empty() {
            query.append_pair("scope", &scope);
        }
        query
            .append_pair("state", request.state)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(login) = request.login_hint {
            query.append_pair("login", login);
        }
        drop(query);
        url
    }

    async fn exchange(
        &self,
        app: &OAuthApp,
        code: &Secret,
        verifier: &Secret,
    ) -> Result<Grant, GrantError> {
        let form = [
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
        ];
        self.ask(app, &form).await
    }

    /// Deletes the one token: deleting the grant would end every other connection of the same
    /// account too.
    async fn revoke(&self, app: &OAuthApp, access_token: &Secret) -> Result<bool, ProviderError> {
        let malformed = || failure(ErrorClass::Unexpected, "the client id makes no URL");
        let client_id = path::segment(&app.client_id).ok_or_else(malformed)?;
        let url = app
            .instance
            .api(&format!("/applications/{client_id}/token"))
            .map_err(|_| malformed())?;
        let body = json!({ "access_token": access_token.expose_secret() });
        let body = Zeroizing::new(body.to_string().into_bytes());
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(url.as_str())
            .header(AUTHORIZATION, basic(app))
            .header(
                ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            )
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from_owner(body))
            .map_err(|_| malformed())?;
        let request = trusting(request, &app.instance);
        let answer = self.endpoint.outbound.send(request).await;
        let answer = answer.map_err(|error| no_answer(&error))?;
        match answer.status().as_u16() {
            // The latter two: it was no live token of the application's any more.
            200..=299 | 404 | 422 => Ok(true),
            status => {
                let mut error = errors::classify(&answer, self.endpoint.now());
                error.detail = format!("deleting a token was answered {status}");
                Err(error)
            }
        }
    }
}

/// The table of GitHub's answers.
fn read(reply: &Reply) -> Result<Grant, Refused> {
    if let Some(refused) = reply.throttled() {
        return Err(refused);
    }
    // A form is read as the JSON that it would be.
    let form = reply.is_form().then(|| as_json(reply.body()));
    let body = form.as_deref().map_or(reply.body(), str::as_bytes);
    if let Some(refusal) = reply.refusal(body) {
        let class = classed(&refusal.error, reply.status());
        return Err(reply.refused(refusal, class, None));
    }
    match reply.pair(body) {
        Some(pair) => Ok(granted(pair, reply)),
        None => Err(limited(reply).unwrap_or_else(|| reply.unknown())),
    }
}

fn classed(error: &str, status: u16) -> GrantErrorClass {
    match error {
        "bad_verification_code" | "bad_refresh_token" | "unauthorized_client" | "access_denied" => {
            GrantErrorClass::Refused
        }
        "incorrect_client_credentials" | "application_suspended" => GrantErrorClass::Operator,
        "Not Found" if status == 404 => GrantErrorClass::Operator,
        // Until then no code is exchanged.
        "unverified_user_email" => GrantErrorClass::InteractionRequired,
        other => standard(other),
    }
}

/// The secondary limits, which are a 403 in the words of the API.
fn limited(reply: &Reply) -> Option<Refused> {
    let error = errors::classify(&reply.answer, reply.now);
    let limited = reply.status() == 403 && error.class == ErrorClass::RateLimited;
    limited.then(|| reply.later(error.retry_at, &error.detail))
}

/// A GitHub App's user token has permissions of the App and no scopes: its empty `scope` tells
/// nothing.
fn granted(pair: Pair, reply: &Reply) -> Grant {
    let told = match &pair.scope {
        Some(scope) if !scope.is_empty() || !pair.starts_with("ghu_") => Some(scopes(scope, true)),
        _ => None,
    };
    pair.grant(reply.asked_at, told)
}

/// A form as an object of texts.
fn as_json(form: &[u8]) -> String {
    let pairs = form_urlencoded::parse(form);
    let fields: Map<String, Value> = pairs
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    Value::Object(fields).to_string()
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
