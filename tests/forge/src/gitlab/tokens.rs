//! `GET /personal_access_tokens/self`: what a token is, for any scope.

use serde_json::{Value, json};

use super::Call;
use super::render::time;
use crate::answer::{self, Answer};
use crate::model::{State, Token};

pub(super) fn show_self(call: &Call<'_>) -> Result<Answer, Answer> {
    let token = call.signed_in()?;
    Ok(answer::json(200, &described(call.state, token)))
}

/// The vendor's `PersonalAccessToken`. The end is a date.
pub(super) fn described(state: &State, token: &Token) -> Value {
    let now = state.now();
    json!({
        "id": token.id,
        "name": token.name,
        "description": null,
        "revoked": token.revoked,
        "created_at": time(token.created_at),
        "scopes": token.scopes,
        "user_id": token.user,
        "last_used_at": time(now),
        "active": token.is_active(now),
        "expires_at": token.expires_at.map(|end| end.format("%Y-%m-%d").to_string()),
        "last_used_ips": ["127.0.0.1"],
    })
}
