//! OAuth at Bitbucket Cloud: consumers of a workspace. It is not Atlassian's 3LO.
//!
//! Sources: "Use OAuth on Bitbucket Cloud" (credentials as Basic, for refreshes too; scopes are
//! those of the consumer), and what public clients have recorded: `scopes` instead of `scope`, a
//! refresh token that lasts, and `unauthorized_client` for a wrong secret, all refusals being 400.
//! PKCE is not documented and so not sent; there is no endpoint that revokes.

use async_trait::async_trait;
use url::Url;

use super::super::ProviderError;
use super::super::oauth::{AuthorizeRequest, Grant, GrantError, OAuth, OAuthApp, Rotation};
use super::super::token_endpoint::{
    Client, Field, Refused, Reply, TokenEndpoint, page, scopes, standard,
};
use crate::clock::Clock;
use crate::domain::secret::Secret;
use crate::outbound::Outbound;

/// OAuth at Bitbucket.
pub struct BitbucketOAuth {
    endpoint: TokenEndpoint,
}

impl BitbucketOAuth {
    /// OAuth over an HTTP client.
    #[must_use]
    pub const fn new(outbound: Outbound, clock: Clock) -> Self {
        Self {
            endpoint: TokenEndpoint::new(outbound, clock),
        }
    }

    async fn ask(&self, app: &OAuthApp, form: &[(&str, Field<'_>)]) -> Result<Grant, GrantError> {
        let url = page(&app.instance, "/site/oauth2/access_token");
        self.endpoint
            .ask(app, &url, Client::Basic, form, read)
            .await
    }
}

#[async_trait]
impl OAuth for BitbucketOAuth {
    /// None: what is ticked on the consumer is what is granted.
    fn default_scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn rotation(&self) -> Rotation {
        Rotation {
            single_use: false,
            kills_access_token: false,
        }
    }

    fn authorize_url(&self, app: &OAuthApp, request: &AuthorizeRequest<'_>) -> Url {
        let mut url = page(&app.instance, "/site/oauth2/authorize");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &app.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", app.redirect_uri.as_str());
        let scope = app.scope(self.default_scopes());
        if !scope.is_empty() {
            query.append_pair("scope", &scope);
        }
        query.append_pair("state", request.state);
        drop(query);
        url
    }

    async fn exchange(
        &self,
        app: &OAuthApp,
        code: &Secret,
        _verifier: &Secret,
    ) -> Result<Grant, GrantError> {
        let form = [
            ("grant_type", Field::Plain("authorization_code")),
            ("code", Field::Secret(code)),
            ("redirect_uri", Field::Plain(app.redirect_uri.as_str())),
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

    async fn revoke(&self, _app: &OAuthApp, _access_token: &Secret) -> Result<bool, ProviderError> {
        Ok(false)
    }
}

/// The table of Bitbucket's answers.
fn read(reply: &Reply) -> Result<Grant, Refused> {
    if let Some(refused) = reply.throttled() {
        return Err(refused);
    }
    if let Some(refusal) = reply.refusal(reply.body()) {
        let class = standard(&refusal.error);
        return Err(reply.refused(refusal, class, None));
    }
    let pair = reply.pair(reply.body()).ok_or_else(|| reply.unknown())?;
    let told = pair.scopes.as_deref().or(pair.scope.as_deref());
    let told = told.map(|told| scopes(told, true));
    Ok(pair.grant(reply.asked_at, told))
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
