//! GitHub's OAuth on the web door: `/login/oauth/authorize` and `/login/oauth/access_token`.
//!
//! Source: "Authorizing OAuth apps", "Generating a user access token for a GitHub App", "Refreshing user access tokens",
//! "Troubleshooting OAuth app access token request errors". Failures are answered with 200, and bodies are form-encoded
//! for whom does not accept JSON. That an unknown client id is a 404 is as clients have seen it.

use http::Method;
use http::header::ACCEPT;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::answer::{self, Answer, Asked, issuing, set};
use crate::consent::{self, Wanted};
use crate::face::Face;
use crate::forge::Forge;
use crate::model::{Issued, OAuthApp, OAuthAppKind, State};
use crate::query::Query;

const DOCUMENTATION: &str = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/";
/// The first words of the scopes that an OAuth app may ask for.
const SCOPES: [&str; 16] = [
    "repo",
    "public_repo",
    "security_events",
    "admin",
    "write",
    "read",
    "gist",
    "notifications",
    "user",
    "project",
    "delete_repo",
    "workflow",
    "codespace",
    "audit_log",
    "manage_billing",
    "site_admin",
];

/// The page of this path, where it is one of OAuth's.
pub(crate) fn page(forge: &Forge, asked: &Asked) -> Option<Answer> {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/login/oauth/authorize") => {
            Some(forge.edit(|state| authorize(state, asked)))
        }
        (&Method::POST, "/login/oauth/access_token") => {
            Some(forge.edit(|state| access_token(state, asked)))
        }
        _ => None,
    }
}

fn authorize(state: &mut State, asked: &Asked) -> Answer {
    let client_id = asked.query.get("client_id").unwrap_or_default();
    let Some(app) = state.client(Face::GitHub, client_id).cloned() else {
        return consent::page(
            404,
            "Page not found",
            "This is not the page you are looking for.",
        );
    };
    let registered = app.redirect(None).unwrap_or_default().to_owned();
    let refused = |error: &str, description: &str| {
        let uri = format!("{DOCUMENTATION}#{}", error.replace('_', "-"));
        let said = [
            ("error", error),
            ("error_description", description),
            ("error_uri", &uri),
        ];
        consent::back(asked, &registered, &said)
    };
    let Some(redirect_uri) = app.redirect(asked.query.get("redirect_uri")) else {
        return refused(
            "redirect_uri_mismatch",
            "The redirect_uri MUST match the registered callback URL for this application.",
        );
    };
    let Ok(challenge) = consent::challenge(asked) else {
        return refused(
            "invalid_request",
            "PKCE needs a code_challenge of the method S256.",
        );
    };
    let scopes = match app.kind {
        OAuthAppKind::GitHubOAuth => consent::words(asked.query.get("scope"), true),
        // An App has permissions, and what it asks for here is not looked at.
        _ => Default::default(),
    };
    let known = |scope: &String| {
        let first = scope.split(':').next().unwrap_or_default();
        SCOPES.contains(&first)
    };
    if !scopes.iter().all(known) {
        return refused("invalid_scope", "The scopes requested are invalid.");
    }
    let denied = [
        ("error", "access_denied"),
        (
            "error_description",
            "The user has denied your application access.",
        ),
        (
            "error_uri",
            "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied",
        ),
    ];
    let wanted = Wanted {
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        challenge,
        offline: true,
        app,
    };
    consent::answer(state, asked, wanted, &denied)
}

fn access_token(state: &mut State, asked: &Asked) -> Answer {
    let form = asked.parameters();
    let client_id = form.get("client_id").unwrap_or_default();
    let Some(app) = state.client(Face::GitHub, client_id).cloned() else {
        return answer::json(404, &json!({ "error": "Not Found" }));
    };
    let outcome = match form.get("client_secret") == Some(&app.client_secret) {
        true => granted(state, &app, &form),
        false => Err((
            "incorrect_client_credentials",
            "The client_id and/or client_secret passed are incorrect.",
        )),
    };
    match outcome {
        Ok(issued) => issuing(said(asked, fields(&app, &issued)), issued.token),
        Err((error, description)) => {
            let uri = format!("{DOCUMENTATION}#{}", error.replace('_', "-"));
            let pairs = [
                ("error", error),
                ("error_description", description),
                ("error_uri", &uri),
            ];
            let fields = pairs.map(|(name, text)| (name.to_owned(), Value::from(text)));
            said(asked, fields.into_iter().collect())
        }
    }
}

type Refusal = (&'static str, &'static str);

fn granted(state: &mut State, app: &OAuthApp, form: &Query) -> Result<Issued, Refusal> {
    match form.get("grant_type") {
        None | Some("authorization_code") => {
            let redirect_uri = form.get("redirect_uri");
            if app.redirect(redirect_uri).is_none() {
                return Err((
                    "redirect_uri_mismatch",
                    "The redirect_uri MUST match the registered callback URL for this application.",
                ));
            }
            let code = form.get("code").unwrap_or_default();
            state
                .redeem(app.id, code, redirect_uri, form.get("code_verifier"))
                .map_err(|_| {
                    (
                        "bad_verification_code",
                        "The code passed is incorrect or expired.",
                    )
                })
        }
        Some("refresh_token") => {
            let token = form.get("refresh_token").unwrap_or_default();
            state.renew(app.id, token).map_err(|_| {
                (
                    "bad_refresh_token",
                    "The refresh token passed is incorrect or expired.",
                )
            })
        }
        Some(_) => Err(("unsupported_grant_type", "The grant_type is not supported.")),
    }
}

fn fields(app: &OAuthApp, issued: &Issued) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("access_token", issued.access.as_str().into());
    if let Some(seconds) = issued.expires_in {
        put("expires_in", seconds.into());
    }
    if let Some(refresh) = &issued.refresh {
        put("refresh_token", refresh.as_str().into());
    }
    if let Some(seconds) = issued.refresh_expires_in {
        put("refresh_token_expires_in", seconds.into());
    }
    let scopes: Vec<&str> = match app.kind {
        OAuthAppKind::GitHubOAuth => issued.scopes.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    put("scope", scopes.join(",").into());
    put("token_type", "bearer".into());
    fields
}

/// In the form that was asked for.
fn said(asked: &Asked, fields: Map<String, Value>) -> Answer {
    let accepts = asked.header(ACCEPT.as_str()).unwrap_or_default();
    let mut answer = match accepts.contains("application/json") {
        true => answer::json(200, &Value::Object(fields)),
        false => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                form.append_pair(&name, &text);
            }
            answer::bytes(
                200,
                "application/x-www-form-urlencoded; charset=utf-8",
                form.finish(),
            )
        }
    };
    set(
        &mut answer,
        "cache-control",
        "max-age=0, private, must-revalidate",
    );
    answer
}
