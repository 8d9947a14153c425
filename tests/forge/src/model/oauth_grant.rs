//! Grants: codes, the tokens they are exchanged for, and what a refresh does to them.
//!
//! Every change is made under the forge's one lock, so of two requests that present the same code or single-use refresh
//! token at once exactly one is the first.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::oauth_app::{OAuthApp, OAuthAppId, OAuthAppKind, RefreshTokenId, Renewal};
use super::token::letters;

use super::{OwnerId, State, TokenId, TokenSpec};

/// Codes of all providers live so long.
const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Tokens per user, OAuth app and set of scopes at GitHub; one more ends the oldest.
const GITHUB_TOKENS: usize = 10;

/// What somebody has consented to and nobody has fetched yet.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) app: OAuthAppId,
    pub(crate) user: OwnerId,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    /// The S256 challenge.
    pub(crate) challenge: Option<String>,
    /// A refresh token is wanted.
    pub(crate) offline: bool,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) spent: bool,
}

/// To whom and for what an access token was given.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) app: OAuthAppId,
    pub(crate) user: OwnerId,
    pub(crate) refresh: Option<RefreshTokenId>,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Its id, which is no secret.
    pub id: RefreshTokenId,
    /// Whom it was given to.
    pub app: OAuthAppId,
    /// Whom it speaks for.
    pub user: OwnerId,
    /// What was granted.
    pub scopes: BTreeSet<String>,
    /// The access token that goes with it.
    pub access: TokenId,
    /// When it ends, where it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// Used up by a refresh.
    pub spent: bool,
    /// Taken back.
    pub revoked: bool,
}

/// What a token endpoint hands out.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) token: TokenId,
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) refresh_expires_in: Option<i64>,
}

/// Why a code brings nothing. It is spent by success alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    Unknown,
    Spent,
    Expired,
    RedirectUri,
    Verifier,
}

/// Why a refresh token brings nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefusal {
    Unknown,
    Spent,
    Expired,
    Revoked,
}

impl State {
    pub(crate) fn add_code(&mut self, kind: OAuthAppKind, code: Code) -> String {
        let noise = self.noise("code");
        let text = match kind {
            OAuthAppKind::GitHubOAuth | OAuthAppKind::GitHubApp => hex_of(&noise)[..20].to_owned(),
            OAuthAppKind::GitLab => hex_of(&noise),
            OAuthAppKind::Bitbucket => noise[..18].to_owned(),
            OAuthAppKind::Entra => format!("1.A{}.{}", &noise[..60], &noise[60..]),
        };
        self.oauth.codes.insert(text.clone(), code);
        text
    }

    /// When a code of now ends.
    pub(crate) fn code_end(&self) -> DateTime<Utc> {
        self.now() + CODE_LIFETIME
    }

    /// Exchanges a code. A redirect URI that is named must be the code's, and a verifier must fit the challenge.
    pub(crate) fn redeem(
        &mut self,
        app: OAuthAppId,
        text: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> Result<Issued, CodeRefusal> {
        let now = self.now();
        let code = self.oauth.codes.get_mut(text);
        let code = code
            .filter(|code| code.app == app)
            .ok_or(CodeRefusal::Unknown)?;
        if code.spent {
            return Err(CodeRefusal::Spent);
        }
        if code.expires_at <= now {
            return Err(CodeRefusal::Expired);
        }
        if redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
            return Err(CodeRefusal::RedirectUri);
        }
        if verifier.map(challenge_of) != code.challenge {
            return Err(CodeRefusal::Verifier);
        }
        code.spent = true;
        let code = code.clone();
        Ok(self.issue(app, code.user, code.scopes, code.offline))
    }

    /// Renews a grant, as the provider does it.
    pub(crate) fn renew(
        &mut self,
        app: OAuthAppId,
        secret: &str,
    ) -> Result<Issued, RefreshRefusal> {
        let now = self.now();
        let old = self.refresh_token_of_secret(secret).cloned();
        let old = old
            .filter(|token| token.app == app)
            .ok_or(RefreshRefusal::Unknown)?;
        if old.revoked {
            return Err(RefreshRefusal::Revoked);
        }
        if old.spent {
            return Err(RefreshRefusal::Spent);
        }
        if old.expires_at.is_some_and(|end| end <= now) {
            return Err(RefreshRefusal::Expired);
        }
        let renewal = self.oauth_app_mut(app).kind.renewal();
        if renewal == Renewal::Replaces {
            if let Some(token) = self.oauth.refresh_tokens.get_mut(&old.id) {
                token.spent = true;
            }
            if let Some(token) = self.tokens.get_mut(&old.access) {
                token.revoked = true;
            }
        }
        let mut issued = self.issue(app, old.user, old.scopes, renewal != Renewal::Keeps);
        if renewal == Renewal::Keeps {
            issued.refresh = Some(secret.to_owned());
            if let Some(grant) = self.oauth.grants.get_mut(&issued.token) {
                grant.refresh = Some(old.id);
            }
        }
        Ok(issued)
    }

    /// Gives a registration tokens for a user.
    pub(crate) fn issue(
        &mut self,
        app: OAuthAppId,
        user: OwnerId,
        scopes: BTreeSet<String>,
        offline: bool,
    ) -> Issued {
        let now = self.now();
        let app = self.oauth_app_mut(app).clone();
        let login = self.owner(user).map(|owner| owner.login.clone());
        let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let kind = app.kind.token_kind();
        let mut spec = TokenSpec::of(&login.unwrap_or_default(), kind, &names).name(&app.name);
        if let Some(lifetime) = app.access_lifetime {
            spec = spec.expires_at(now + lifetime);
        }
        let same = |one: &&crate::model::App| one.client_id == app.client_id;
        if let Some(installable) = self.apps.values().find(same) {
            spec = spec.app(installable.id);
        }
        let access = self.mint(spec);
        // Just minted.
        let token = self.secrets.get(&access).copied().unwrap_or_default();
        let lasting = app.access_lifetime.is_none();
        let refresh = (offline && !lasting)
            .then(|| self.add_refresh_token(&app, user, scopes.clone(), token));
        let grant = Grant {
            app: app.id,
            user,
            refresh: refresh.as_ref().map(|(id, _)| *id),
        };
        self.oauth.grants.insert(token, grant);
        if app.kind == OAuthAppKind::GitHubOAuth {
            self.end_the_oldest(&app, user, &scopes);
        }
        Issued {
            token,
            access,
            scopes,
            expires_in: app.access_lifetime.map(|life| life.num_seconds()),
            refresh_expires_in: refresh
                .as_ref()
                .and(app.refresh_lifetime)
                .map(|life| life.num_seconds()),
            refresh: refresh.map(|(_, secret)| secret),
        }
    }

    fn add_refresh_token(
        &mut self,
        app: &OAuthApp,
        user: OwnerId,
        scopes: BTreeSet<String>,
        access: TokenId,
    ) -> (RefreshTokenId, String) {
        let noise = self.noise("refresh");
        let secret = match app.kind {
            OAuthAppKind::GitHubOAuth | OAuthAppKind::GitHubApp => format!("ghr_{}", &noise[..76]),
            OAuthAppKind::GitLab => hex_of(&noise),
            OAuthAppKind::Bitbucket => noise[..18].to_owned(),
            OAuthAppKind::Entra => {
                let long = letters(&format!("{noise}\nlong"), 1_100);
                format!("1.A{}.{}", &noise[..60], long)
            }
        };
        let id = self.oauth.refresh_tokens.len() as RefreshTokenId + 1;
        let token = RefreshToken {
            id,
            app: app.id,
            user,
            scopes,
            access,
            expires_at: app.refresh_lifetime.map(|life| self.now() + life),
            spent: false,
            revoked: false,
        };
        self.oauth.refresh_tokens.insert(id, token);
        self.oauth.refresh_secrets.insert(secret.clone(), id);
        (id, secret)
    }

    fn end_the_oldest(&mut self, app: &OAuthApp, user: OwnerId, scopes: &BTreeSet<String>) {
        let now = self.now();
        let same = |(id, grant): (&TokenId, &Grant)| {
            let token = self.tokens.get(id)?;
            let same = grant.app == app.id && grant.user == user && token.scopes == *scopes;
            (same && token.is_active(now)).then_some(*id)
        };
        let live: Vec<TokenId> = self.oauth.grants.iter().filter_map(same).collect();
        let surplus = live.len().saturating_sub(GITHUB_TOKENS);
        for id in &live[..surplus] {
            self.revoke_pair(*id);
        }
    }

    /// Takes an access token and the refresh token that goes with it back.
    pub(crate) fn revoke_pair(&mut self, access: TokenId) {
        if let Some(token) = self.tokens.get_mut(&access) {
            token.revoked = true;
        }
        let refresh = self
            .oauth
            .grants
            .get(&access)
            .and_then(|grant| grant.refresh);
        if let Some(token) = refresh.and_then(|id| self.oauth.refresh_tokens.get_mut(&id)) {
            token.revoked = true;
        }
    }

    /// Takes back all that a user granted to a registration, as the user does in the provider's settings.
    ///
    /// # Panics
    /// Where there is no such user.
    pub fn revoke_grants(&mut self, app: OAuthAppId, login: &str) {
        let user = self.known(login);
        self.revoke_grants_of(app, user);
    }

    pub(crate) fn revoke_grants_of(&mut self, app: OAuthAppId, user: OwnerId) {
        let theirs = |(id, grant): (&TokenId, &Grant)| {
            (grant.app == app && grant.user == user).then_some(*id)
        };
        let tokens: Vec<TokenId> = self.oauth.grants.iter().filter_map(theirs).collect();
        for id in tokens {
            self.revoke_pair(id);
        }
        // Entra's superseded ones live on, and belong to no access token any more.
        for token in self.oauth.refresh_tokens.values_mut() {
            token.revoked |= token.app == app && token.user == user;
        }
    }

    /// The refresh token of this id.
    pub fn refresh_token(&self, id: RefreshTokenId) -> Option<&RefreshToken> {
        self.oauth.refresh_tokens.get(&id)
    }

    /// The refresh token with this secret, spent and revoked ones too.
    pub fn refresh_token_of_secret(&self, secret: &str) -> Option<&RefreshToken> {
        let id = self.oauth.refresh_secrets.get(secret)?;
        self.oauth.refresh_tokens.get(id)
    }

    /// To whom an access token was granted.
    pub(crate) fn grant_of(&self, token: TokenId) -> Option<&Grant> {
        self.oauth.grants.get(&token)
    }

    fn noise(&mut self, what: &str) -> String {
        self.oauth.counter += 1;
        letters(
            &format!("{}\n{what} {}", self.seed, self.oauth.counter),
            120,
        )
    }
}

/// The S256 challenge of a verifier.
pub(crate) fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn hex_of(noise: &str) -> String {
    hex::encode(Sha256::digest(noise))
}

#[cfg(test)]
mod tests {
    /// The vector of GitLab's documentation.
    #[test]
    fn the_challenge_is_s256() {
        assert_eq!(
            super::challenge_of("ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf"),
            "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U"
        );
    }
}
