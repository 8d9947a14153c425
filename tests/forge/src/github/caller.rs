//! Who asks: `Bearer`, `token` and Basic carry the same tokens.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::errors;
use crate::answer::{Answer, Asked};
use crate::face::Face;
use crate::model::{Delayed, State, Token};

/// The token that a request presents, whatever it is worth.
pub(crate) fn credential(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let plain = BASE64_STANDARD.decode(rest).ok()?;
            let plain = String::from_utf8(plain).ok()?;
            let (user, password) = plain.split_once(':')?;
            // A token alone may stand in either place.
            let secret = if password.is_empty() { user } else { password };
            Some(secret.to_owned())
        }
        _ => Some(rest.to_owned()),
    }
}

/// The live token, none where none was sent, or GitHub's refusal.
pub(super) fn authenticate<'a>(
    state: &'a State,
    asked: &Asked,
) -> Result<Option<&'a Token>, Answer> {
    if !asked.headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let secret = credential(&asked.headers).unwrap_or_default();
    let token = state.token_of_secret(&secret);
    let live = |token: &&Token| token.kind.face() == Face::GitHub && token.is_active(state.now());
    let Some(token) = token.filter(live) else {
        return Err(errors::bad_credentials());
    };
    if let Some((id, _)) = &token.installation {
        match state.installation(*id) {
            None => return Err(errors::bad_credentials()),
            Some(found) if found.suspended_at.is_some() => return Err(errors::suspended()),
            Some(_) => {}
        }
    }
    match token.delayed.as_ref().and_then(Delayed::refuse) {
        Some(403) => Err(errors::not_for_integrations()),
        Some(_) => Err(errors::bad_credentials()),
        None => Ok(Some(token)),
    }
}
