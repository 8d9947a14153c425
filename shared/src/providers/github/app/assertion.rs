//! The assertion with which an App asks.
//!
//! Source: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App": RS256, `iat` a minute ago
//! against clocks that differ, `exp` at most ten minutes ahead. Refusals of a clock that differs by
//! more name the claim; the answer's own date says by how much.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::DATE;
use http::{Method, Response};
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;

use super::super::super::transport::failure;
use super::super::client::Client;
use super::key;
use crate::domain::meter::Unmetered;
use crate::domain::secret::Secret;
use crate::providers::{Access, App, ErrorClass, ProviderError, Scheme};

/// So long ago an assertion says that it was made.
const BACKDATED: TimeDelta = TimeDelta::seconds(60);
/// So far ahead it ends: a minute less than the longest.
const LIFETIME: TimeDelta = TimeDelta::minutes(9);

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

/// Asks in an App's name. A refusal of our clock is answered once, by the provider's time.
pub(super) async fn ask<B: Serialize + ?Sized>(
    client: &Client,
    app: &App,
    method: Method,
    path: &str,
    body: Option<&B>,
) -> Result<Response<Bytes>, ProviderError> {
    let access = signed(app, client.now())?;
    let answer = client.ask(&access, method.clone(), path, &[], body).await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let error = refused(client, &access, &method, path, &answer);
    let (true, Some(theirs)) = (names_the_clock(&error), date(&answer)) else {
        return Err(error);
    };
    let apart = (theirs - client.now()).num_seconds();
    tracing::warn!(
        host = app.instance.api_url.host_str(),
        seconds = apart,
        "the clock of this machine differs from GitHub's; signed again by theirs"
    );
    let access = signed(app, theirs)?;
    let answer = client.ask(&access, method.clone(), path, &[], body).await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    Err(refused(client, &access, &method, path, &answer))
}

/// When an answer was given, by the clock of the machine that gave it.
pub(super) fn date(answer: &Response<Bytes>) -> Option<DateTime<Utc>> {
    let text = answer.headers().get(DATE)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc())
}

fn signed(app: &App, now: DateTime<Utc>) -> Result<Access, ProviderError> {
    let claims = Claims {
        iat: (now - BACKDATED).timestamp(),
        exp: (now + LIFETIME).timestamp(),
        iss: app.id.to_string(),
    };
    let unusable = || {
        failure(
            ErrorClass::Unauthorized,
            "the App's private key cannot sign",
        )
    };
    let key = key::read(&app.private_key).map_err(|()| unusable())?;
    let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key);
    Ok(Access {
        instance: app.instance.clone(),
        token: Secret::from(token.map_err(|_| unusable())?),
        scheme: Scheme::Bearer,
        username: None,
        azure_organization: None,
        meter: Arc::new(Unmetered),
    })
}

/// What a refusal means where an assertion was shown. A 404 behind one that was accepted is an
/// installation that is not there; an App that is not there says so in words of its own.
fn refused(
    client: &Client,
    access: &Access,
    method: &Method,
    path: &str,
    answer: &Response<Bytes>,
) -> ProviderError {
    let mut error = client.refused(access, method, path, answer);
    error.class = match error.class {
        ErrorClass::NotFound if error.detail.ends_with("Integration not found") => {
            ErrorClass::Unauthorized
        }
        ErrorClass::NotFound => ErrorClass::Uninstalled,
        // Not the key's fault, and nobody's who holds it.
        ErrorClass::Unauthorized if names_the_clock(&error) => ErrorClass::Unavailable,
        other => other,
    };
    error
}

fn names_the_clock(error: &ProviderError) -> bool {
    error.status == Some(401)
        && (error.detail.contains("('iat')") || error.detail.contains("('exp')"))
}
