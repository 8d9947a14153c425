//! Who asks: `PRIVATE-TOKEN`, `Authorization: Bearer` and the parameters `private_token` and `access_token` carry the
//! same tokens.

use http::header::AUTHORIZATION;

use super::errors;
use crate::answer::{Answer, Asked};
use crate::face::Face;
use crate::model::{State, Token};

/// The token that a request presents, whatever it is worth.
pub(crate) fn credential(asked: &Asked) -> Option<String> {
    let bearer = || {
        let value = asked.header(AUTHORIZATION.as_str())?;
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
    };
    let parameter = |name| asked.query.get(name);
    asked
        .header("private-token")
        .or_else(bearer)
        .or_else(|| parameter("private_token"))
        .or_else(|| parameter("access_token"))
        .map(str::to_owned)
}

/// The live token, none where none was sent, or GitLab's refusal, which tells an expired token from a revoked one.
pub(super) fn authenticate<'a>(
    state: &'a State,
    asked: &Asked,
) -> Result<Option<&'a Token>, Answer> {
    let Some(secret) = credential(asked) else {
        return Ok(None);
    };
    let token = state.token_of_secret(&secret);
    match token.filter(|token| token.kind.face() == Face::GitLab) {
        None => Err(errors::unauthorized()),
        Some(token) if token.is_expired(state.now()) => Err(errors::invalid_token(
            "Token is expired. You can either do re-authorization or token refresh.",
        )),
        Some(token) if token.revoked => Err(errors::invalid_token(
            "Token was revoked. You have to re-authorize from the user.",
        )),
        Some(token) => Ok(Some(token)),
    }
}
