//! Bitbucket's OAuth on the web door: `/site/oauth2/authorize` and `/site/oauth2/access_token`.
//!
//! Source: "Use OAuth on Bitbucket Cloud", and texts as clients have recorded them. The client's credentials come as
//! Basic; scopes are those of the consumer, whatever is asked for; there is no PKCE, and a challenge is not looked at;
//! a refresh token lasts and is answered again.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;

use crate::answer::{self, Answer, Asked, issuing, set};
use crate::consent::{self, Wanted};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{CodeRefusal, OAuthApp, State};

/// The page of this path, where it is one of OAuth's.
pub(crate) fn page(forge: &Forge, asked: &Asked) -> Option<Answer> {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/site/oauth2/authorize") => {
            Some(forge.edit(|state| authorize(state, asked)))
        }
        (&Method::POST, "/site/oauth2/access_token") => {
            Some(forge.edit(|state| access_token(state, asked)))
        }
        _ => None,
    }
}

fn authorize(state: &mut State, asked: &Asked) -> Answer {
    let misconfigured = |title: &str| {
        let text = "This integration is misconfigured. Contact the vendor for assistance.";
        consent::page(400, title, text)
    };
    let client_id = asked.query.get("client_id").unwrap_or_default();
    let Some(app) = state.client(Face::Bitbucket, client_id).cloned() else {
        return misconfigured("Invalid client_id");
    };
    let Some(redirect_uri) = app.redirect(asked.query.get("redirect_uri")) else {
        return misconfigured("Invalid redirect_uri");
    };
    if asked.query.get("response_type") != Some("code") {
        let said = [
            ("error", "unsupported_response_type"),
            ("error_description", "Unsupported response type"),
        ];
        return consent::back(asked, redirect_uri, &said);
    }
    let wanted = Wanted {
        redirect_uri: redirect_uri.to_owned(),
        scopes: app.scopes.clone(),
        challenge: None,
        offline: true,
        app,
    };
    let denied = [
        ("error", "access_denied"),
        ("error_description", "The user denied access"),
    ];
    consent::answer(state, asked, wanted, &denied)
}

fn access_token(state: &mut State, asked: &Asked) -> Answer {
    let app = match client(state, asked) {
        Ok(app) => app,
        Err(refused) => return refused,
    };
    let form = asked.parameters();
    let grant_type = form.get("grant_type").unwrap_or_default();
    let issued = match grant_type {
        "authorization_code" => {
            let code = form.get("code").unwrap_or_default();
            // Nobody has sent a challenge, so a verifier fits none and is not looked at.
            let redeemed = state.redeem(app.id, code, form.get("redirect_uri"), None);
            redeemed.map_err(|why| match why {
                CodeRefusal::RedirectUri => "The redirect_uri does not match",
                _ => "The specified code is not valid.",
            })
        }
        "refresh_token" => {
            let token = form.get("refresh_token").unwrap_or_default();
            let renewed = state.renew(app.id, token);
            renewed.map_err(|_| "Invalid refresh_token")
        }
        _ => {
            let text = "Unsupported grant type";
            return refusal("unsupported_grant_type", text);
        }
    };
    let issued = match issued {
        Ok(issued) => issued,
        Err(text) => return refusal("invalid_grant", text),
    };
    let scopes: Vec<&str> = issued.scopes.iter().map(String::as_str).collect();
    let body = json!({
        "access_token": issued.access,
        "refresh_token": issued.refresh,
        "expires_in": issued.expires_in,
        "scopes": scopes.join(" "),
        "state": grant_type,
        "token_type": "bearer",
    });
    let mut granted = answer::json(200, &body);
    set(&mut granted, "cache-control", "no-store");
    issuing(granted, issued.token)
}

fn client(state: &State, asked: &Asked) -> Result<OAuthApp, Answer> {
    let basic = || {
        let value = asked.header(AUTHORIZATION.as_str())?;
        let plain = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (id, secret) = plain.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    };
    let Some((id, secret)) = basic() else {
        let text = "Requests must be authenticated using OAuth client credentials";
        return Err(refusal("unauthorized_client", text));
    };
    let app = state.client(Face::Bitbucket, &id);
    app.filter(|app| app.client_secret == secret)
        .cloned()
        .ok_or_else(|| refusal("unauthorized_client", "Invalid OAuth client credentials"))
}

/// Everything is a 400, a wrong secret too.
fn refusal(error: &str, description: &str) -> Answer {
    let body = json!({ "error_description": description, "error": error });
    answer::json(400, &body)
}
