//! The handle's part for OAuth: registrations, who consents, grants without the detour over a browser.

use std::collections::BTreeSet;

use crate::face::Face;
use crate::forge::Forge;
use crate::model::{Decision, OAuthApp, OAuthAppId, OAuthAppSpec, RefreshTokenId};

/// A pair of tokens, as a client would hold it.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The access token.
    pub access_token: String,
    /// The refresh token, where the registration gives any.
    pub refresh_token: Option<String>,
}

impl Forge {
    /// Makes a registration; see [`crate::OAuthAppSpec`].
    pub fn add_oauth_app(&self, spec: OAuthAppSpec) -> OAuthApp {
        self.edit(|state| state.add_oauth_app(spec))
    }

    /// From now on this account sits in front of the provider's consent pages and says yes. A parameter `as` of the
    /// page's address names another one for one request.
    ///
    /// # Panics
    /// Where there is no such account.
    pub fn consents_as(&self, face: Face, login: &str) {
        self.decide(face, login, None);
    }

    /// The same for these scopes alone, whatever is asked for.
    ///
    /// # Panics
    /// Where there is no such account.
    pub fn consents_to<'a>(
        &self,
        face: Face,
        login: &str,
        scopes: impl IntoIterator<Item = &'a str>,
    ) {
        let only = scopes.into_iter().map(str::to_owned).collect();
        self.decide(face, login, Some(only));
    }

    /// From now on whoever sits in front of the provider's consent pages says no.
    pub fn denies(&self, face: Face) {
        self.edit(|state| state.oauth.decisions.insert(face, Decision::Denies));
    }

    /// Gives a registration a grant of a user at once, with all scopes that it may have (GitHub's OAuth app: `repo` and
    /// `read:org`).
    ///
    /// # Panics
    /// Where there is no such registration or account.
    pub fn grant(&self, app: OAuthAppId, login: &str) -> Granted {
        self.edit(|state| {
            let user = state.known(login);
            let app = state.oauth_app_mut(app).clone();
            let scopes = match app.kind.has_open_scopes() {
                true => ["repo", "read:org"].map(str::to_owned).into(),
                false => app.scopes,
            };
            let issued = state.issue(app.id, user, scopes, true);
            Granted {
                access_token: issued.access,
                refresh_token: issued.refresh,
            }
        })
    }

    /// Takes back all that a user granted to a registration; see [`crate::State::revoke_grants`].
    pub fn revoke_grants(&self, app: OAuthAppId, login: &str) {
        self.edit(|state| state.revoke_grants(app, login));
    }

    /// The id of a refresh token, by which the log and [`crate::Match::refresh_token`] know it.
    pub fn refresh_token_id(&self, secret: &str) -> Option<RefreshTokenId> {
        self.read(|state| state.refresh_token_of_secret(secret).map(|token| token.id))
    }

    fn decide(&self, face: Face, login: &str, only: Option<BTreeSet<String>>) {
        self.edit(|state| {
            state.known(login);
            let decision = Decision::Consents(login.to_owned(), only);
            state.oauth.decisions.insert(face, decision);
        });
    }
}
