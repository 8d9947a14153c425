//! OAuth for Azure DevOps: Microsoft Entra. (Azure DevOps' own OAuth takes no new apps.)
//!
//! Sources: "Microsoft identity platform and OAuth 2.0 authorization code flow", "Refresh tokens in
//! the Microsoft identity platform" (each use gives a new one and leaves the old one good),
//! "Microsoft Entra authentication and authorization error codes". A refusal's `error` is coarse:
//! `invalid_grant` stands for a revoked grant, a missing second factor and a missing consent alike,
//! so the AADSTS number decides, where there is one. There is no endpoint that revokes one grant.

use async_trait::async_trait;
use url::Url;

use super::super::ProviderError;
use super::super::oauth::{
    AuthorizeRequest, Grant, GrantError, GrantErrorClass, OAuth, OAuthApp, Rotation,
};
use super::super::token_endpoint::{
    Client, Field, Refusal, Refused, Reply, TokenEndpoint, below, scopes, standard,
};
use crate::clock::Clock;
use crate::domain::secret::Secret;
use crate::outbound::Outbound;

/// Accounts of any organization, and no personal ones, which Azure DevOps does not take.
const EVERY_ORGANIZATION: &str = "/organizations";
/// Without it there is no refresh token.
const OFFLINE: &str = "offline_access";

/// OAuth at Microsoft Entra.
pub struct EntraOAuth {
    endpoint: TokenEndpoint,
    /// With the tenant.
    login_url: Url,
}

impl EntraOAuth {
    /// OAuth over an HTTP client. `login_url` is the sign-in host, for accounts of every
    /// organization; a path on it names the one tenant that the apps are registered for.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, login_url: &Url) -> Self {
        let tenant = match login_url.path() {
            "" | "/" => EVERY_ORGANIZATION,
            _ => "",
        };
        Self {
            endpoint: TokenEndpoint::new(outbound, clock),
            login_url: below(login_url, tenant),
        }
    }

    /// The scopes of a registration, and always the one that a refresh token takes.
    fn scope(&self, app: &OAuthApp) -> String {
        let scope = app.scope(self.default_scopes());
        match scope.split(' ').any(|word| word == OFFLINE) {
            true => scope,
            false => format!("{scope} {OFFLINE}").trim_start().to_owned(),
        }
    }

    async fn ask(&self, app: &OAuthApp, form: &[(&str, Field<'_>)]) -> Result<Grant, GrantError> {
        let url = below(&self.login_url, "/oauth2/v2.0/token");
        self.endpoint
            .ask(app, &url, Client::InForm, form, read)
            .await
    }
}

#[async_trait]
impl OAuth for EntraOAuth {
    fn default_scopes(&self) -> &'static [&'static str] {
        &["499b84ac-1321-427f-aa17-267ca6975798/.default", OFFLINE]
    }

    fn rotation(&self) -> Rotation {
        Rotation {
            single_use: false,
            kills_access_token: false,
        }
    }

    fn authorize_url(&self, app: &OAuthApp, request: &AuthorizeRequest<'_>) -> Url {
        let mut url = below(&self.login_url, "/oauth2/v2.0/authorize");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &app.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", app.redirect_uri.as_str())
            .append_pair("scope", &self.scope(app))
            .append_pair("state", request.state)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(login) = request.login_hint {
            query.append_pair("login_hint", login);
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
        let scope = self.scope(app);
        let form = [
            ("grant_type", Field::Plain("authorization_code")),
            ("code", Field::Secret(code)),
            ("redirect_uri", Field::Plain(app.redirect_uri.as_str())),
            ("code_verifier", Field::Secret(verifier)),
            ("scope", Field::Plain(&scope)),
        ];
        self.ask(app, &form).await
    }

    async fn refresh(&self, app: &OAuthApp, refresh_token: &Secret) -> Result<Grant, GrantError> {
        let scope = self.scope(app);
        let form = [
            ("grant_type", Field::Plain("refresh_token")),
            ("refresh_token", Field::Secret(refresh_token)),
            ("scope", Field::Plain(&scope)),
        ];
        self.ask(app, &form).await
    }

    async fn revoke(&self, _app: &OAuthApp, _access_token: &Secret) -> Result<bool, ProviderError> {
        Ok(false)
    }
}

/// The table of Entra's answers.
fn read(reply: &Reply) -> Result<Grant, Refused> {
    if let Some(refused) = reply.throttled() {
        return Err(refused);
    }
    if let Some(refusal) = reply.refusal(reply.body()) {
        let number = number(&refusal);
        let class = number
            .and_then(numbered)
            .unwrap_or_else(|| standard(&refusal.error));
        let code = number.map(|number| format!("AADSTS{number}"));
        return Err(reply.refused(refusal, class, code));
    }
    // Nothing is spent by a refresh here, so the host's own 503 is a "later" in any words.
    if reply.status() == 503 && reply.is_json() {
        return Err(reply.later(None, "the service is not available"));
    }
    let pair = reply.pair(reply.body()).ok_or_else(|| reply.unknown())?;
    let told = pair.scope.as_deref().map(|scope| scopes(scope, false));
    Ok(pair.grant(reply.asked_at, told))
}

/// The AADSTS number: in a field of its own, and in front of the text.
fn number(refusal: &Refusal) -> Option<u64> {
    let in_text = || {
        let text = refusal.error_description.as_deref()?;
        let rest = text.strip_prefix("AADSTS")?;
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    };
    refusal.error_codes.first().copied().or_else(in_text)
}

/// Numbers that say more than the `error` that they come with.
fn numbered(number: u64) -> Option<GrantErrorClass> {
    Some(match number {
        // The grant was revoked: by the person, an administrator or a new password.
        50_173 => GrantErrorClass::Revoked,
        // Idle for too long; the code was redeemed or is past its end.
        700_082 | 54_005 | 70_008 => GrantErrorClass::Refused,
        // A second factor (50072 ff.), conditional access (53000 ff.), how often somebody has to
        // sign in (70043 ff.), no assignment to the app, no consent.
        50_072
        | 50_074
        | 50_076
        | 50_078
        | 50_079
        | 50_105
        | 50_158
        | 53_000..=53_011
        | 65_001
        | 65_004
        | 70_043
        | 70_044 => GrantErrorClass::InteractionRequired,
        // The registration: its secret (wrong, past its end, missing), the app (unknown, disabled,
        // of one tenant only), the tenant, a redirect URI, a scope.
        7_000_215 | 7_000_222 | 7_000_218 | 700_016 | 7_000_112 | 50_194 | 90_002 | 50_011
        | 500_112 | 70_011 => GrantErrorClass::Operator,
        // A transient failure; too many equal requests.
        90_033 | 50_196 => GrantErrorClass::Later,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
