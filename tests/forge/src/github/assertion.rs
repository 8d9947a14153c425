//! The assertion with which an App speaks for itself: a JWT of RS256, verified as GitHub does and refused in its words.
//!
//! Texts as recorded by public clients (Octokit's `auth-app` tells a skewed clock by them).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::{caller, errors};
use crate::answer::{Answer, Asked};
use crate::model::{App, State};

/// An assertion may last so long.
const LONGEST: i64 = 600;

/// The App that asks, or GitHub's refusal.
pub(super) fn verify<'a>(state: &'a State, asked: &Asked) -> Result<&'a App, Answer> {
    let undecodable = || errors::error(401, "A JSON web token could not be decoded");
    let token = caller::credential(&asked.headers).ok_or_else(undecodable)?;
    let claims = claims(&token).ok_or_else(undecodable)?;
    let issuer = match &claims["iss"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(undecodable()),
    };
    let named = |app: &&App| app.id.to_string() == issuer || app.client_id == issuer;
    let Some(app) = state.apps.values().find(named) else {
        return Err(errors::error(404, "Integration not found"));
    };
    if !app.public_keys.iter().any(|key| is_signed_by(&token, key)) {
        return Err(undecodable());
    }
    let now = state.now().timestamp();
    let issued = claims["iat"].as_i64();
    if issued.is_none_or(|at| at > now) {
        return Err(errors::error(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    match claims["exp"].as_i64() {
        Some(end) if end > now + LONGEST => Err(errors::error(
            401,
            "'Expiration time' claim ('exp') is too far in the future",
        )),
        Some(end) if end > now => Ok(app),
        _ => Err(errors::error(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )),
    }
}

/// What it claims, unverified.
fn claims(token: &str) -> Option<Value> {
    let [_, claims, _] = token.split('.').collect::<Vec<_>>()[..] else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

fn is_signed_by(token: &str, key: &[u8]) -> bool {
    let mut signature_alone = Validation::new(Algorithm::RS256);
    signature_alone.validate_exp = false;
    signature_alone.validate_aud = false;
    signature_alone.required_spec_claims.clear();
    let key = DecodingKey::from_rsa_der(key);
    jsonwebtoken::decode::<Value>(token, &key, &signature_alone).is_ok()
}
