//! What an application does with tokens of its own, by its client credentials: `DELETE /applications/{client_id}/token`
//! and `/grant`, and `POST …/token`, which checks one.
//!
//! Source: "REST API endpoints for OAuth authorizations". Deleting a token takes the refresh token of the same pair
//! along; the document does not say, and nothing else would be a revocation.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::errors;
use super::render::time;
use crate::answer::{self, Answer, Asked};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{OAuthApp, State, TokenId};

/// The answer where this is one of the application's own endpoints.
pub(super) fn of(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let [first, client_id, what] = segments.as_slice() else {
        return None;
    };
    if first != "applications" {
        return None;
    }
    match (&asked.method, what.as_str()) {
        (&Method::DELETE, "token" | "grant") | (&Method::POST, "token") => {}
        _ => return None,
    }
    let act = |state: &mut State| {
        let app = client(state, asked, client_id)?;
        let id = named_token(state, &app, asked)?;
        match (&asked.method, what.as_str()) {
            (&Method::POST, _) => return Ok(described(state, &app, id)),
            (_, "token") => state.revoke_pair(id),
            _ => {
                let user = state.token(id).map(|token| token.user).unwrap_or_default();
                state.revoke_grants_of(app.id, user);
            }
        }
        Ok(answer::bytes(204, "application/json; charset=utf-8", ""))
    };
    Some(forge.edit(act).unwrap_or_else(|refusal| refusal))
}

fn client(state: &State, asked: &Asked, client_id: &str) -> Result<OAuthApp, Answer> {
    let basic = || {
        let value = asked.header(AUTHORIZATION.as_str())?;
        let plain = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (id, secret) = plain.split_once(':')?;
        let app = state.client(Face::GitHub, id)?;
        (app.client_secret == secret).then(|| app.clone())
    };
    let app = basic().ok_or_else(errors::bad_credentials)?;
    match app.client_id == client_id {
        true => Ok(app),
        false => Err(errors::not_found()),
    }
}

/// The live token of this application that the body names.
fn named_token(state: &State, app: &OAuthApp, asked: &Asked) -> Result<TokenId, Answer> {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let Some(secret) = body["access_token"].as_str() else {
        return Err(errors::conflicting("Validation Failed"));
    };
    let token = state.token_of_secret(secret);
    let token = token.filter(|token| token.is_active(state.now()));
    let own = token.filter(|token| {
        let grant = state.grant_of(token.id);
        grant.is_some_and(|grant| grant.app == app.id)
    });
    own.map(|token| token.id).ok_or_else(errors::not_found)
}

/// The vendor's `authorization`, as far as a check is about.
fn described(state: &State, app: &OAuthApp, id: TokenId) -> Answer {
    let Some(token) = state.token(id) else {
        return errors::not_found();
    };
    let login = state.owner(token.user).map(|owner| owner.login.as_str());
    let body = json!({
        "id": id,
        "scopes": token.scopes,
        "app": { "name": app.name, "client_id": app.client_id },
        "user": { "id": token.user, "login": login },
        "created_at": time(token.created_at),
        "expires_at": token.expires_at.map(time),
    });
    answer::json(200, &body)
}
