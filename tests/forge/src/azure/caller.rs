//! Who asks: a personal access token as the password of `Authorization: Basic`, under any user name or none; a token of
//! Microsoft Entra as `Bearer`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::{Call, errors};
use crate::answer::{Answer, Asked};
use crate::model::{Owner, State, Token, TokenKind};

/// Scopes that read code; every wider one holds them.
pub(super) const CODE: &[&str] = &[
    "vso.code",
    "vso.code_write",
    "vso.code_manage",
    "vso.code_full",
];
/// Scopes that read projects.
pub(super) const PROJECT: &[&str] = &[
    "vso.profile",
    "vso.project",
    "vso.project_write",
    "vso.project_manage",
];

/// How a token was presented.
enum Presented {
    Basic(String),
    Bearer(String),
}

fn presented(asked: &Asked) -> Option<Presented> {
    let (scheme, rest) = asked.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Presented::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (_user, password) = pair.split_once(':')?;
    Some(Presented::Basic(password.to_owned()))
}

/// The token that a request presents, whatever it is worth.
pub(crate) fn credential(asked: &Asked) -> Option<String> {
    presented(asked).map(|presented| match presented {
        Presented::Basic(secret) | Presented::Bearer(secret) => secret,
    })
}

/// The live token, or the way to the sign-in page: Azure DevOps tells nobody why it does not take a credential.
pub(super) fn authenticate<'a>(state: &'a State, asked: &Asked) -> Result<&'a Token, Answer> {
    let refused = || errors::sign_in(state, asked);
    let (secret, kind) = match presented(asked).ok_or_else(refused)? {
        Presented::Basic(secret) => (secret, TokenKind::AzurePat),
        Presented::Bearer(secret) => (secret, TokenKind::AzureEntra),
    };
    let now = state.now();
    let token = state.token_of_secret(&secret);
    let live = token.filter(|token| token.kind == kind && token.is_active(now));
    let global_tokens_end = state.settings.azure.global_tokens_end;
    match live {
        Some(token) if !is_global(token) || global_tokens_end.is_none_or(|end| now < end) => {
            Ok(token)
        }
        _ => Err(refused()),
    }
}

/// A personal access token for all of its user's organizations.
pub(super) fn is_global(token: &Token) -> bool {
    token.kind == TokenKind::AzurePat && token.resource_owner.is_none()
}

impl<'a> Call<'a> {
    /// Refuses a personal access token that has none of these scopes.
    pub(super) fn scope(&self, accepted: &[&str]) -> Result<(), Answer> {
        match self.token.kind {
            TokenKind::AzurePat if !self.token.has_any_scope(accepted) => {
                Err(errors::not_authorized(self))
            }
            _ => Ok(()),
        }
    }

    /// The account behind the token.
    pub(super) fn person(&self) -> Result<&'a Owner, Answer> {
        let person = self.state.owner(self.token.user);
        person.ok_or_else(|| errors::sign_in(self.state, self.asked))
    }
}
