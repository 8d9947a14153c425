//! `POST /personal_access_tokens/self/rotate`: a personal access token makes its successor and ends.
//! `DELETE /personal_access_tokens/self`: it ends without one.
//!
//! Source: "Personal access tokens API" and the vendor's authentication: a token that was rotated already and is
//! presented here again ends all that came of it, since one of the two who hold it has stolen it.

use chrono::{Days, NaiveDate, NaiveTime};
use http::Method;
use serde_json::{Value, json};

use super::{caller, errors, tokens};
use crate::answer::{self, Answer, Asked, issuing};
use crate::forge::Forge;
use crate::model::{State, TokenId, TokenKind, TokenSpec};

/// Days that a successor lives where nobody says how long.
const DEFAULT_DAYS: u64 = 7;
/// The longest life.
const MOST_DAYS: u64 = 365;

/// The answer where this is the endpoint.
pub(super) fn of(forge: &Forge, asked: &Asked) -> Option<Answer> {
    let end: fn(&mut State, &Asked) -> Result<Answer, Answer> =
        match (&asked.method, asked.path.as_str()) {
            (&Method::POST, "/personal_access_tokens/self/rotate") => rotate,
            (&Method::DELETE, "/personal_access_tokens/self") => revoke,
            _ => return None,
        };
    Some(forge.edit(|state| end(state, asked).unwrap_or_else(|refusal| refusal)))
}

/// "Revoke a personal access token", by itself: 204.
fn revoke(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let presented = caller::credential(asked).unwrap_or_default();
    if caller::authenticate(state, asked)?.is_none() {
        return Err(errors::unauthorized());
    }
    state.revoke(&presented);
    Ok(answer::bytes(204, "application/json", ""))
}

fn rotate(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let presented = caller::credential(asked).unwrap_or_default();
    let known = state.token_of_secret(&presented).cloned();
    if let Some(token) = known.as_ref().filter(|token| token.revoked) {
        state.end_family(token.id);
    }
    let old = match caller::authenticate(state, asked)? {
        Some(token) => token.clone(),
        None => return Err(errors::unauthorized()),
    };
    if old.kind != TokenKind::GitLabPersonal {
        return Err(errors::not_for_this_token());
    }
    if !old.has_any_scope(&["api", "self_rotate"]) {
        return Err(errors::insufficient_scope(&["api", "self_rotate"]));
    }
    let end = end(state, asked)?;
    let login = state.owner(old.user).map(|owner| owner.login.clone());
    let scopes: Vec<&str> = old.scopes.iter().map(String::as_str).collect();
    let spec = TokenSpec::gitlab(&login.unwrap_or_default())
        .name(&old.name)
        .scopes(scopes)
        .expires_at(end.and_time(NaiveTime::MIN).and_utc());
    state.revoke(&presented);
    let secret = state.mint(spec);
    let Some(new) = state.token_of_secret(&secret) else {
        return Err(errors::not_found("Token"));
    };
    let id = new.id;
    let mut body = tokens::described(state, new);
    body["token"] = Value::from(secret);
    state.oauth.successors.insert(old.id, id);
    Ok(issuing(answer::json(200, &body), id))
}

/// The successor's end: a date after today, a year off at most.
fn end(state: &State, asked: &Asked) -> Result<NaiveDate, Answer> {
    let today = state.now().date_naive();
    let json: Value = serde_json::from_slice(&asked.body).unwrap_or(json!({}));
    let form = asked.parameters();
    let told = json["expires_at"].as_str().or(form.get("expires_at"));
    let Some(told) = told else {
        return Ok(today + Days::new(DEFAULT_DAYS));
    };
    let end: NaiveDate = told.parse().map_err(|_| errors::invalid("expires_at"))?;
    match end > today && end <= today + Days::new(MOST_DAYS) {
        true => Ok(end),
        false => Err(errors::bad_request(
            "Expiration date must be after today and within a year",
        )),
    }
}

impl State {
    /// Ends all that a rotated token was followed by.
    fn end_family(&mut self, rotated: TokenId) {
        let mut next = self.oauth.successors.get(&rotated).copied();
        while let Some(id) = next {
            if let Some(token) = self.tokens.get_mut(&id) {
                token.revoked = true;
            }
            next = self.oauth.successors.get(&id).copied();
        }
    }
}
