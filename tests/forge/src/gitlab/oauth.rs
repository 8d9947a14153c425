//! GitLab's OAuth: `/oauth/authorize`, `/oauth/token`, `/oauth/revoke`, `/oauth/token/info`.
//!
//! Source: "OAuth 2.0 identity provider API", and Doorkeeper, by which GitLab serves it, for what the document leaves
//! out: the order of the checks and the texts of refusals. A refresh has to repeat the redirect URI, as the document
//! says.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::caller;
use crate::answer::{self, Answer, Asked, issuing, set};
use crate::consent::{self, Wanted};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{Issued, OAuthApp, State};
use crate::query::Query;

/// What is granted where nothing is asked for.
const DEFAULT_SCOPE: &str = "read_user";

/// The page of this path, where it is one of OAuth's.
pub(crate) fn page(forge: &Forge, asked: &Asked) -> Option<Answer> {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/oauth/authorize") => Some(forge.edit(|state| authorize(state, asked))),
        (&Method::POST, "/oauth/token") => Some(forge.edit(|state| token(state, asked))),
        (&Method::POST, "/oauth/revoke") => Some(forge.edit(|state| revoke(state, asked))),
        (&Method::GET, "/oauth/token/info") => Some(forge.read(|state| info(state, asked))),
        _ => None,
    }
}

fn authorize(state: &mut State, asked: &Asked) -> Answer {
    let query = &asked.query;
    let client_id = query.get("client_id").unwrap_or_default();
    let Some(app) = state.client(Face::GitLab, client_id).cloned() else {
        let text = "Client authentication failed due to unknown client, no client authentication included, or \
                    unsupported authentication method.";
        return consent::page(401, "An error has occurred", text);
    };
    let named = query.get("redirect_uri");
    let Some(redirect_uri) = named.and_then(|named| app.redirect(Some(named))) else {
        let text = "The redirect URI included is not valid.";
        return consent::page(400, "An error has occurred", text);
    };
    let refused = |error: &str, description: &str| {
        let said = [("error", error), ("error_description", description)];
        consent::back(asked, redirect_uri, &said)
    };
    if query.get("response_type") != Some("code") {
        let text = "The authorization server does not support this response type.";
        return refused("unsupported_response_type", text);
    }
    let Ok(challenge) = consent::challenge(asked) else {
        let text = "The code challenge method must be S256.";
        return refused("invalid_code_challenge_method", text);
    };
    let mut scopes = consent::words(query.get("scope"), false);
    if scopes.is_empty() {
        scopes.insert(DEFAULT_SCOPE.to_owned());
    }
    if !scopes.is_subset(&app.scopes) {
        let text = "The requested scope is invalid, unknown, or malformed.";
        return refused("invalid_scope", text);
    }
    let wanted = Wanted {
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        challenge,
        offline: true,
        app,
    };
    let denied = [
        ("error", "access_denied"),
        (
            "error_description",
            "The resource owner or authorization server denied the request.",
        ),
    ];
    consent::answer(state, asked, wanted, &denied)
}

fn token(state: &mut State, asked: &Asked) -> Answer {
    let form = asked.parameters();
    let Some(app) = client(state, asked, &form) else {
        return invalid_client();
    };
    let issued = match form.get("grant_type") {
        Some("authorization_code") => {
            let code = form.get("code").unwrap_or_default();
            // A missing one is another than the code's.
            let redirect_uri = form.get("redirect_uri").or(Some(""));
            let redeemed = state.redeem(app.id, code, redirect_uri, form.get("code_verifier"));
            redeemed.ok()
        }
        Some("refresh_token") => {
            let named = form.get("redirect_uri");
            let fits = named.is_some_and(|named| app.redirect(Some(named)).is_some());
            let token = form.get("refresh_token").unwrap_or_default();
            fits.then(|| state.renew(app.id, token).ok()).flatten()
        }
        None => {
            return refusal(
                400,
                "invalid_request",
                "Missing required parameter: grant_type.",
            );
        }
        Some(_) => {
            let text = "The authorization grant type is not supported by the authorization server.";
            return refusal(400, "unsupported_grant_type", text);
        }
    };
    match issued {
        Some(issued) => issuing(granted(state, &issued), issued.token),
        None => refusal(
            400,
            "invalid_grant",
            "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used \
             in the authorization request, or was issued to another client.",
        ),
    }
}

fn granted(state: &State, issued: &Issued) -> Answer {
    let scopes: Vec<&str> = issued.scopes.iter().map(String::as_str).collect();
    let body = json!({
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh,
        "scope": scopes.join(" "),
        "created_at": state.now().timestamp(),
    });
    uncached(answer::json(200, &body))
}

/// Takes the whole grant back, whichever of its tokens is named. An unknown token is no failure; one of another client
/// is.
fn revoke(state: &mut State, asked: &Asked) -> Answer {
    let form = asked.parameters();
    let unauthorized = || {
        let text = "You are not authorized to revoke this token";
        refusal(403, "unauthorized_client", text)
    };
    let Some(app) = client(state, asked, &form) else {
        return unauthorized();
    };
    let secret = form.get("token").unwrap_or_default();
    let access = state.token_of_secret(secret).map(|token| token.id);
    let renewed = || {
        state
            .refresh_token_of_secret(secret)
            .map(|token| token.access)
    };
    if let Some(access) = access.or_else(renewed) {
        match state.grant_of(access) {
            Some(grant) if grant.app == app.id => state.revoke_pair(access),
            _ => return unauthorized(),
        }
    }
    uncached(answer::json(200, &json!({})))
}

fn info(state: &State, asked: &Asked) -> Answer {
    let secret = caller::credential(asked).unwrap_or_default();
    let token = state.token_of_secret(&secret);
    let token = token.filter(|token| token.is_active(state.now()));
    let app = token
        .and_then(|token| state.grant_of(token.id))
        .and_then(|grant| state.oauth_app(grant.app))
        .filter(|app| app.kind.face() == Face::GitLab);
    let (Some(token), Some(app)) = (token, app) else {
        return refusal(401, "invalid_token", "The access token is invalid");
    };
    let left = token
        .expires_at
        .map(|end| (end - state.now()).num_seconds());
    let body = json!({
        "resource_owner_id": token.user,
        "scope": token.scopes,
        "expires_in": left,
        "application": { "uid": app.client_id },
        "created_at": token.created_at.timestamp(),
        "scopes": token.scopes,
        "expires_in_seconds": left,
    });
    answer::json(200, &body)
}

/// The client of a request, by Basic or by parameters.
fn client(state: &State, asked: &Asked, form: &Query) -> Option<OAuthApp> {
    let basic = || {
        let value = asked.header(AUTHORIZATION.as_str())?;
        let plain = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (id, secret) = plain.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    };
    let named = || {
        let (id, secret) = (form.get("client_id")?, form.get("client_secret")?);
        Some((id.to_owned(), secret.to_owned()))
    };
    let (id, secret) = basic().or_else(named)?;
    let app = state.client(Face::GitLab, &id)?;
    (app.client_secret == secret).then(|| app.clone())
}

fn invalid_client() -> Answer {
    let text = "Client authentication failed due to unknown client, no client authentication included, or unsupported \
                authentication method.";
    let mut refused = refusal(401, "invalid_client", text);
    let challenge = format!(
        "Bearer realm=\"Doorkeeper\", error=\"invalid_client\", error_description=\"{text}\""
    );
    set(&mut refused, "www-authenticate", challenge);
    refused
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "error_description": description });
    uncached(answer::json(status, &body))
}

fn uncached(mut answer: Answer) -> Answer {
    set(&mut answer, "cache-control", "no-store");
    set(&mut answer, "pragma", "no-cache");
    answer
}
