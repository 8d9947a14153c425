//! Registrations: the applications that accounts give grants to, and who sits in front of the consent page.
//!
//! What differs between providers is data here ([`OAuthAppKind`], lifetimes, [`Renewal`]); how it is said on the wire is
//! each face's `oauth.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;

use super::oauth_grant::{Code, Grant, RefreshToken};
use super::token::letters;
use super::{State, TokenId, TokenKind};
use crate::face::Face;

/// Id of a registration, which is not its client id.
pub type OAuthAppId = u64;
/// Id of a refresh token, which is not its secret.
pub type RefreshTokenId = u64;

/// Kinds of registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OAuthAppKind {
    /// A GitHub OAuth app: scopes, no end, no refresh token.
    GitHubOAuth,
    /// A GitHub App with user tokens: no scopes; 8 hours and 6 months, or no end.
    GitHubApp,
    /// An application of a GitLab.
    GitLab,
    /// An OAuth consumer of Bitbucket.
    Bitbucket,
    /// An application of Microsoft Entra.
    Entra,
}

/// What a refresh does to the pair that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Both old tokens die at once.
    Replaces,
    /// The refresh token stays the same, the old access token lives to its end.
    Keeps,
    /// There is a new refresh token, and the old pair lives to its end.
    Adds,
}

impl OAuthAppKind {
    /// The provider where it is registered.
    pub fn face(self) -> Face {
        match self {
            OAuthAppKind::GitHubOAuth | OAuthAppKind::GitHubApp => Face::GitHub,
            OAuthAppKind::GitLab => Face::GitLab,
            OAuthAppKind::Bitbucket => Face::Bitbucket,
            OAuthAppKind::Entra => Face::Azure,
        }
    }

    pub(crate) fn token_kind(self) -> TokenKind {
        match self {
            OAuthAppKind::GitHubOAuth => TokenKind::GitHubOAuth,
            OAuthAppKind::GitHubApp => TokenKind::GitHubUser,
            OAuthAppKind::GitLab => TokenKind::GitLabOAuth,
            OAuthAppKind::Bitbucket => TokenKind::BitbucketOAuth,
            OAuthAppKind::Entra => TokenKind::AzureEntra,
        }
    }

    /// It may ask for any scope that the provider knows.
    pub(crate) fn has_open_scopes(self) -> bool {
        self == OAuthAppKind::GitHubOAuth
    }

    pub(crate) fn renewal(self) -> Renewal {
        match self {
            OAuthAppKind::GitHubOAuth | OAuthAppKind::GitHubApp | OAuthAppKind::GitLab => {
                Renewal::Replaces
            }
            OAuthAppKind::Bitbucket => Renewal::Keeps,
            OAuthAppKind::Entra => Renewal::Adds,
        }
    }
}

/// A registration to be made.
#[derive(Clone, Debug)]
pub struct OAuthAppSpec {
    kind: OAuthAppKind,
    name: String,
    client: Option<(String, String)>,
    redirect_uris: Vec<String>,
    scopes: Vec<String>,
    access_lifetime: Option<TimeDelta>,
    refresh_lifetime: Option<TimeDelta>,
    tenant: Option<String>,
}

impl OAuthAppSpec {
    fn new(kind: OAuthAppKind, redirect_uri: &str, scopes: &[&str]) -> Self {
        let (access, refresh) = match kind {
            OAuthAppKind::GitHubOAuth => (None, None),
            OAuthAppKind::GitHubApp => (Some(28_800), Some(15_811_200)),
            OAuthAppKind::GitLab | OAuthAppKind::Bitbucket => (Some(7_200), None),
            // Entra draws between 60 and 90 minutes.
            OAuthAppKind::Entra => (Some(4_499), Some(90 * 86_400)),
        };
        Self {
            kind,
            name: "mooring".to_owned(),
            client: None,
            redirect_uris: vec![redirect_uri.to_owned()],
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            access_lifetime: access.map(TimeDelta::seconds),
            refresh_lifetime: refresh.map(TimeDelta::seconds),
            tenant: None,
        }
    }

    /// A GitHub OAuth app; it may ask for any scope.
    pub fn github(redirect_uri: &str) -> Self {
        Self::new(OAuthAppKind::GitHubOAuth, redirect_uri, &[])
    }

    /// A GitHub App whose user tokens end after 8 hours.
    pub fn github_app(redirect_uri: &str) -> Self {
        Self::new(OAuthAppKind::GitHubApp, redirect_uri, &[])
    }

    /// An application of GitLab that may ask for all scopes that Mooring could want.
    pub fn gitlab(redirect_uri: &str) -> Self {
        let scopes = [
            "api",
            "read_api",
            "read_user",
            "read_repository",
            "write_repository",
        ];
        Self::new(OAuthAppKind::GitLab, redirect_uri, &scopes)
    }

    /// A consumer of Bitbucket with the scopes that are ticked on it.
    pub fn bitbucket(redirect_uri: &str) -> Self {
        let scopes = ["account", "repository:write", "webhook"];
        Self::new(OAuthAppKind::Bitbucket, redirect_uri, &scopes)
    }

    /// An application of Entra for every organization, with a permission of Azure DevOps.
    pub fn entra(redirect_uri: &str) -> Self {
        let scopes = ["499b84ac-1321-427f-aa17-267ca6975798/user_impersonation"];
        Self::new(OAuthAppKind::Entra, redirect_uri, &scopes)
    }

    /// With this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With these credentials instead of made-up ones.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client = Some((id.into(), secret.into()));
        self
    }

    /// With one more redirect URI.
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    /// With these scopes and no others: those that it may ask for (GitLab, Entra) or has (Bitbucket).
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// Access tokens end after so long.
    pub fn access_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.access_lifetime = Some(lifetime);
        self
    }

    /// Refresh tokens end after so long.
    pub fn refresh_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.refresh_lifetime = Some(lifetime);
        self
    }

    /// Access tokens never end, and there are no refresh tokens: a GitHub App with "expiring user tokens" switched off.
    pub fn without_expiry(mut self) -> Self {
        self.access_lifetime = None;
        self
    }

    /// Entra: for the accounts of this tenant only.
    pub fn single_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }
}

/// A registration.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    /// Its id.
    pub id: OAuthAppId,
    /// Where and as what it is registered.
    pub kind: OAuthAppKind,
    /// What the consent page calls it.
    pub name: String,
    /// Its public id.
    pub client_id: String,
    /// Its secret; another value makes every client's a wrong one.
    pub client_secret: String,
    /// Entra: the secret is past its end.
    pub secret_expired: bool,
    /// Compared to the letter; the first one is meant where a request names none.
    pub redirect_uris: Vec<String>,
    /// Scopes that it may ask for (GitLab, Entra) or has (Bitbucket).
    pub scopes: BTreeSet<String>,
    /// Life of an access token; without one there are no refresh tokens either.
    pub access_lifetime: Option<TimeDelta>,
    /// Life of a refresh token, where it has an end.
    pub refresh_lifetime: Option<TimeDelta>,
    /// Entra: the one tenant whose accounts may use it.
    pub tenant: Option<String>,
}

impl OAuthApp {
    /// The redirect URI that a request means, or none where the one it names is not registered.
    pub(crate) fn redirect(&self, named: Option<&str>) -> Option<&str> {
        let mut uris = self.redirect_uris.iter().map(String::as_str);
        match named {
            None => uris.next(),
            Some(named) => uris.find(|uri| *uri == named),
        }
    }
}

/// What the person in front of a consent page does.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Consents as this account, to these scopes alone where there are any.
    Consents(String, Option<BTreeSet<String>>),
    /// Declines.
    Denies,
}

/// All registrations and what was granted to them.
#[derive(Clone, Default)]
pub(crate) struct Registrations {
    pub(super) apps: BTreeMap<OAuthAppId, OAuthApp>,
    pub(super) codes: HashMap<String, Code>,
    pub(super) grants: BTreeMap<TokenId, Grant>,
    pub(super) refresh_tokens: BTreeMap<RefreshTokenId, RefreshToken>,
    pub(super) refresh_secrets: HashMap<String, RefreshTokenId>,
    /// Personal access tokens of GitLab and what they were rotated to.
    pub(crate) successors: HashMap<TokenId, TokenId>,
    pub(crate) decisions: BTreeMap<Face, Decision>,
    pub(super) counter: u64,
}

impl State {
    /// Makes a registration.
    pub fn add_oauth_app(&mut self, spec: OAuthAppSpec) -> OAuthApp {
        let id = self.oauth.apps.len() as OAuthAppId + 1;
        let made_up = || {
            let noise = letters(&format!("{}\napp {id}", self.seed), 60);
            (format!("client-{}", &noise[..13]), noise[20..].to_owned())
        };
        let (client_id, client_secret) = spec.client.unwrap_or_else(made_up);
        let app = OAuthApp {
            id,
            kind: spec.kind,
            name: spec.name,
            client_id,
            client_secret,
            secret_expired: false,
            redirect_uris: spec.redirect_uris,
            scopes: spec.scopes.into_iter().collect(),
            access_lifetime: spec.access_lifetime,
            refresh_lifetime: spec.refresh_lifetime,
            tenant: spec.tenant,
        };
        self.oauth.apps.insert(id, app.clone());
        app
    }

    /// The registration of this id.
    pub fn oauth_app(&self, id: OAuthAppId) -> Option<&OAuthApp> {
        self.oauth.apps.get(&id)
    }

    /// The registration, to be changed.
    ///
    /// # Panics
    /// Where there is no such registration.
    pub fn oauth_app_mut(&mut self, id: OAuthAppId) -> &mut OAuthApp {
        match self.oauth.apps.get_mut(&id) {
            Some(app) => app,
            None => panic!("{id} is no registration of this forge"),
        }
    }

    /// The registration of a client id at a provider.
    pub(crate) fn client(&self, face: Face, client_id: &str) -> Option<&OAuthApp> {
        let mut apps = self.oauth.apps.values();
        apps.find(|app| app.kind.face() == face && app.client_id == client_id)
    }
}
