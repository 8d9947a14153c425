//! Microsoft Entra on the login door: `/{tenant}/oauth2/v2.0/authorize` and `/{tenant}/oauth2/v2.0/token`.
//!
//! Source: "OAuth 2.0 authorization code flow", "Refresh tokens in the Microsoft identity platform", "Microsoft Entra
//! authentication and authorization error codes". A refresh gives a new refresh token and leaves the old one good; a
//! refusal carries its AADSTS number in `error_codes` and in its text.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::answer::{self, Answer, Asked, issuing, set};
use crate::consent::{self, Wanted};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{CodeRefusal, Issued, OAuthApp, RefreshRefusal, State};
use crate::query::Query;

/// Azure DevOps, as Entra knows it.
const RESOURCE: &str = "499b84ac-1321-427f-aa17-267ca6975798/";
/// Scopes that every application may ask for.
const OPEN_SCOPES: [&str; 4] = ["offline_access", "openid", "profile", "email"];

/// A refusal: `error`, AADSTS number, text.
type Refusal = (&'static str, u32, String);

/// The page of this path, where it is one of OAuth's.
pub(crate) fn page(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [tenant, "oauth2", "v2.0", what] = segments[..] else {
        return None;
    };
    match (&asked.method, what) {
        (&Method::GET, "authorize") => Some(forge.edit(|state| authorize(state, asked, tenant))),
        (&Method::POST, "token") => Some(forge.edit(|state| token(state, asked, tenant))),
        _ => None,
    }
}

fn authorize(state: &mut State, asked: &Asked, tenant: &str) -> Answer {
    let query = &asked.query;
    let sorry = |(_, number, text): Refusal| {
        let text = format!("AADSTS{number}: {text}");
        consent::page(
            400,
            "Sorry, but we're having trouble signing you in.",
            &text,
        )
    };
    let app = match client(state, query, tenant) {
        Ok(app) => app,
        Err(refusal) => return sorry(refusal),
    };
    let named = query.get("redirect_uri");
    let Some(redirect_uri) = named.and_then(|named| app.redirect(Some(named))) else {
        let text = format!(
            "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the \
             application '{}'.",
            named.unwrap_or_default(),
            app.client_id
        );
        return sorry(("invalid_request", 50011, text));
    };
    let refused = |error: &str, number: u32, text: &str| {
        let description = format!("AADSTS{number}: {text}");
        let said = [("error", error), ("error_description", &description)];
        consent::back(asked, redirect_uri, &said)
    };
    if query.get("response_type") != Some("code") {
        let text = "The request body must contain the following parameter: 'response_type'.";
        return refused("invalid_request", 900_144, text);
    }
    if query
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        let text = "The sandbox answers in the query alone.";
        return refused("invalid_request", 70_007, text);
    }
    let Ok(challenge) = consent::challenge(asked) else {
        let text = "Invalid code_challenge: only S256 is supported here.";
        return refused("invalid_request", 501_471, text);
    };
    let asked_for = consent::words(query.get("scope"), false);
    let Some(scopes) = granted_scopes(&app, &asked_for) else {
        let text = "The application asked for scope that is invalid.";
        return refused("invalid_scope", 70_011, text);
    };
    let wanted = Wanted {
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        challenge,
        offline: asked_for.contains("offline_access"),
        app,
    };
    let denied = [
        ("error", "access_denied"),
        ("error_subcode", "cancel"),
        (
            "error_description",
            "AADSTS65004: User declined to consent to access the app.",
        ),
    ];
    consent::answer(state, asked, wanted, &denied)
}

/// `.default` stands for all that the application has; `None` where it asks for more than that.
fn granted_scopes(app: &OAuthApp, asked_for: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let default = format!("{RESOURCE}.default");
    let mut granted = BTreeSet::new();
    for scope in asked_for {
        if *scope == default {
            granted.extend(app.scopes.iter().cloned());
            granted.insert(default.clone());
        } else if app.scopes.contains(scope) {
            granted.insert(scope.clone());
        } else if !OPEN_SCOPES.contains(&scope.as_str()) {
            return None;
        }
    }
    (!granted.is_empty()).then_some(granted)
}

fn token(state: &mut State, asked: &Asked, tenant: &str) -> Answer {
    let form = asked.parameters();
    let outcome = client(state, &form, tenant).and_then(|app| {
        with_secret(&app, &form)?;
        let asked_for = form
            .get("scope")
            .map(|text| consent::words(Some(text), false));
        if asked_for.is_some_and(|asked_for| granted_scopes(&app, &asked_for).is_none()) {
            let text = "The provided value for the input parameter 'scope' is not valid.";
            return Err(("invalid_scope", 70_011, text.to_owned()));
        }
        match form.get("grant_type") {
            Some("authorization_code") => redeem(state, &app, &form),
            Some("refresh_token") => renew(state, &app, &form),
            None => Err(missing("grant_type")),
            Some(other) => Err((
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{other}'."),
            )),
        }
    });
    match outcome {
        Ok(issued) => granted(&issued),
        Err(refusal) => refused(state, asked, refusal),
    }
}

/// The application of a request, where its accounts may come through this tenant.
fn client(state: &State, parameters: &Query, tenant: &str) -> Result<OAuthApp, Refusal> {
    let client_id = parameters
        .get("client_id")
        .ok_or_else(|| missing("client_id"))?;
    let everybody = matches!(tenant, "organizations" | "common");
    let one = tenant.len() == 36 || tenant.contains('.');
    if !everybody && !one {
        let text = format!("Tenant '{tenant}' not found.");
        return Err(("invalid_request", 90_002, text));
    }
    let app = state.client(Face::Azure, client_id).cloned();
    let app = app.ok_or_else(|| {
        let text = format!(
            "Application with identifier '{client_id}' was not found in the directory '{tenant}'."
        );
        ("unauthorized_client", 700_016, text)
    })?;
    match app.tenant.as_deref() {
        Some(_) if everybody => {
            let text = format!(
                "Application '{client_id}' is not configured as a multi-tenant application. Usage of the /common \
                 endpoint is not supported for such apps."
            );
            Err(("invalid_request", 50_194, text))
        }
        Some(own) if own != tenant => {
            let text = format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            );
            Err(("unauthorized_client", 700_016, text))
        }
        _ => Ok(app),
    }
}

fn with_secret(app: &OAuthApp, form: &Query) -> Result<(), Refusal> {
    let id = &app.client_id;
    match form.get("client_secret") {
        None => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Err(("invalid_client", 7_000_218, text.to_owned()))
        }
        Some(secret) if secret != app.client_secret => {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                 value, not the client secret ID, for a secret added to app '{id}'."
            );
            Err(("invalid_client", 7_000_215, text))
        }
        Some(_) if app.secret_expired => {
            let text = format!("The provided client secret keys for app '{id}' are expired.");
            Err(("invalid_client", 7_000_222, text))
        }
        Some(_) => Ok(()),
    }
}

fn redeem(state: &mut State, app: &OAuthApp, form: &Query) -> Result<Issued, Refusal> {
    let code = form.get("code").ok_or_else(|| missing("code"))?;
    let redirect_uri = form
        .get("redirect_uri")
        .ok_or_else(|| missing("redirect_uri"))?;
    let redeemed = state.redeem(app.id, code, Some(redirect_uri), form.get("code_verifier"));
    redeemed.map_err(|why| {
        let (number, text) = match why {
            CodeRefusal::Unknown => (
                9_002_313,
                "Invalid request. Request is malformed or invalid.",
            ),
            CodeRefusal::Spent => (
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                 existing refresh token.",
            ),
            CodeRefusal::Expired => (
                70_008,
                "The provided authorization code or refresh token has expired due to inactivity.",
            ),
            CodeRefusal::RedirectUri => (
                500_112,
                "The reply address does not match the reply address provided when requesting Authorization code.",
            ),
            CodeRefusal::Verifier => (
                501_481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            ),
        };
        ("invalid_grant", number, text.to_owned())
    })
}

fn renew(state: &mut State, app: &OAuthApp, form: &Query) -> Result<Issued, Refusal> {
    let token = form
        .get("refresh_token")
        .ok_or_else(|| missing("refresh_token"))?;
    state.renew(app.id, token).map_err(|why| {
        let (number, text) = match why {
            RefreshRefusal::Unknown | RefreshRefusal::Spent => (
                9_002_313,
                "Invalid request. Request is malformed or invalid.",
            ),
            RefreshRefusal::Expired => (
                700_082,
                "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
            ),
            RefreshRefusal::Revoked => (
                50_173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might \
                 have changed or reset their password.",
            ),
        };
        ("invalid_grant", number, text.to_owned())
    })
}

fn missing(parameter: &str) -> Refusal {
    let text = format!("The request body must contain the following parameter: '{parameter}'.");
    ("invalid_request", 900_144, text)
}

fn granted(issued: &Issued) -> Answer {
    let scopes: Vec<&str> = issued.scopes.iter().map(String::as_str).collect();
    let mut body = json!({
        "token_type": "Bearer",
        "scope": scopes.join(" "),
        "expires_in": issued.expires_in,
        "ext_expires_in": issued.expires_in,
        "access_token": issued.access,
    });
    if let Some(refresh) = &issued.refresh {
        body["refresh_token"] = refresh.as_str().into();
    }
    let mut granted = answer::json(200, &body);
    set(&mut granted, "cache-control", "no-store, no-cache");
    issuing(granted, issued.token)
}

fn refused(state: &State, asked: &Asked, (error, number, text): Refusal) -> Answer {
    let status = match error {
        "invalid_client" => 401,
        _ => 400,
    };
    let trace = format!("{:08x}-0000-4000-8000-000000000000", asked.sequence);
    let at = state.now().format("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {trace} Timestamp: {at}");
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    answer::json(status, &body)
}
