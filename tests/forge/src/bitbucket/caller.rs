//! Who asks, and what that credential may.
//!
//! An API token of a user goes as Basic with the e-mail of the account and in no other way; access tokens and OAuth tokens
//! go as Bearer and in no other way. An access token is no user: it belongs to a workspace (the model's `resource_owner`,
//! else the account of its user), to some repositories of it or to one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;

use super::{Call, errors};
use crate::answer::{Answer, Asked, set};
use crate::face::Face;
use crate::model::{Access, OwnerId, Repository, Sight, State, Token, TokenKind, Visibility};

/// What a credential must be allowed to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    User,
    Workspace,
    Repository,
}

impl Scope {
    /// The name in the vocabulary of API tokens.
    fn granular(self) -> &'static str {
        match self {
            Scope::User => "read:user:bitbucket",
            Scope::Workspace => "read:workspace:bitbucket",
            Scope::Repository => "read:repository:bitbucket",
        }
    }

    /// The name in the vocabulary of OAuth and access tokens, then those that hold it.
    fn classic(self) -> &'static [&'static str] {
        match self {
            Scope::User | Scope::Workspace => &["account", "account:write"],
            Scope::Repository => &[
                "repository",
                "repository:write",
                "repository:admin",
                "pullrequest",
                "pullrequest:write",
            ],
        }
    }
}

/// A live token.
pub(super) struct Caller<'a> {
    pub(super) token: &'a Token,
}

impl Caller<'_> {
    pub(super) fn scopes(&self) -> String {
        let scopes: Vec<&str> = self.token.scopes.iter().map(String::as_str).collect();
        scopes.join(", ")
    }

    pub(super) fn is_access_token(&self) -> bool {
        self.token.kind == TokenKind::BitbucketAccess
    }

    pub(super) fn credential_type(&self) -> &'static str {
        match (self.token.kind, &self.token.repositories) {
            (TokenKind::BitbucketApi, _) => "api_token",
            (TokenKind::BitbucketOAuth, _) => "oauth2",
            (_, None) => "workspace_access_token",
            (_, Some(chosen)) if chosen.len() == 1 => "repo_access_token",
            (_, Some(_)) => "project_access_token",
        }
    }

    /// The workspace of an access token.
    pub(super) fn workspace(&self) -> OwnerId {
        self.token.resource_owner.unwrap_or(self.token.user)
    }

    fn covers(&self, repository: &Repository) -> bool {
        let chosen = self.token.repositories.as_ref();
        repository.owner == self.workspace()
            && chosen.is_none_or(|chosen| chosen.contains(&repository.id))
    }

    fn has(&self, scope: Scope) -> bool {
        match self.token.kind {
            TokenKind::BitbucketApi => self.token.has_any_scope(&[scope.granular()]),
            _ => self.token.has_any_scope(scope.classic()),
        }
    }

    fn name_of(&self, scope: Scope) -> &'static str {
        match self.token.kind {
            TokenKind::BitbucketApi => scope.granular(),
            _ => scope.classic()[0],
        }
    }
}

/// How a token is presented.
enum Presented {
    Basic { user: String, secret: String },
    Bearer(String),
}

fn presented(asked: &Asked) -> Option<Presented> {
    let value = asked.header(AUTHORIZATION.as_str())?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Presented::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (user, secret) = plain.split_once(':')?;
    Some(Presented::Basic {
        user: user.to_owned(),
        secret: secret.to_owned(),
    })
}

/// The token that a request presents, whatever it is worth.
pub(crate) fn credential(asked: &Asked) -> Option<String> {
    presented(asked).map(|presented| match presented {
        Presented::Basic { secret, .. } | Presented::Bearer(secret) => secret,
    })
}

/// The live token, none where none was sent, or Bitbucket's refusal, which tells nothing about why.
pub(super) fn authenticate<'a>(
    state: &'a State,
    asked: &Asked,
) -> Result<Option<Caller<'a>>, Answer> {
    if asked.header(AUTHORIZATION.as_str()).is_none() {
        return Ok(None);
    }
    let (user, secret) = match presented(asked) {
        Some(Presented::Basic { user, secret }) => (Some(user), secret),
        Some(Presented::Bearer(secret)) => (None, secret),
        None => return Err(errors::unauthorized()),
    };
    let token = state
        .token_of_secret(&secret)
        .filter(|token| token.kind.face() == Face::Bitbucket && token.is_active(state.now()))
        .filter(|token| match (&user, token.kind) {
            (Some(user), TokenKind::BitbucketApi) => {
                let owner = state.owner(token.user).and_then(|owner| owner.user());
                owner.is_some_and(|owner| owner.email.eq_ignore_ascii_case(user))
            }
            (None, TokenKind::BitbucketAccess | TokenKind::BitbucketOAuth) => true,
            _ => false,
        });
    match (token, user) {
        (Some(token), _) => Ok(Some(Caller { token })),
        (None, Some(_)) => Err(errors::unauthorized()),
        (None, None) => Err(errors::invalid_token()),
    }
}

impl<'a> Call<'a> {
    /// The caller, which these endpoints cannot do without.
    pub(super) fn signed_in(&self) -> Result<&Caller<'a>, Answer> {
        self.caller.as_ref().ok_or_else(errors::unauthorized)
    }

    /// Refuses a token without this scope. Nobody's requests pass: they see what is public.
    pub(super) fn scope(&self, scope: Scope) -> Result<(), Answer> {
        let Some(caller) = self.caller.as_ref().filter(|caller| !caller.has(scope)) else {
            return Ok(());
        };
        let required = caller.name_of(scope);
        let mut refusal = errors::scope_missing(required, &caller.token.scopes);
        set(&mut refusal, "x-accepted-oauth-scopes", required);
        Err(refusal)
    }

    pub(super) fn sees(&self, repository: &Repository) -> bool {
        match &self.caller {
            Some(caller) if caller.is_access_token() => {
                repository.visibility == Visibility::Public || caller.covers(repository)
            }
            _ => self.viewer.sight(repository) == Sight::Full,
        }
    }

    /// What the user behind the credential may do there; an access token is none.
    pub(super) fn access(&self, repository: &Repository) -> Option<Access> {
        match &self.caller {
            Some(caller) if caller.is_access_token() => None,
            _ => self.viewer.access(repository),
        }
    }
}
