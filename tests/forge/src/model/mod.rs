//! What the forge knows: accounts, repositories, tokens and settings, as one plain value.
//!
//! Every face renders this same value, so what a test arranges once is seen through all of them. Ids, names, times and
//! tokens are made up deterministically: two forges built by the same calls are equal. Everything is indexed by what
//! requests ask for (login, path, owner, token), so a request costs its page and not the world.

mod access;
mod app;
mod build;
mod change;
mod hook;
mod installation;
mod oauth_app;
mod oauth_grant;
mod owner;
mod repository;
mod resolve;
mod settings;
mod token;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

pub(crate) use access::{Sight, Viewer};
pub use app::{App, AppSpec, Installation, InstallationSpec, RegisteredApp};
pub(crate) use hook::Hooks;
pub use hook::{Hook, HookId, HookPlace, Sent};
pub(crate) use installation::{MintRefusal, Narrowing};
pub(crate) use oauth_app::{Decision, Registrations};
pub use oauth_app::{OAuthApp, OAuthAppId, OAuthAppKind, OAuthAppSpec, RefreshTokenId};
pub use oauth_grant::RefreshToken;
pub(crate) use oauth_grant::{Code, CodeRefusal, Issued, RefreshRefusal};
pub use owner::{Organization, Owner, OwnerKind, Role, User};
pub use repository::{Access, Branch, Repository, RepositorySpec, Visibility};
pub(crate) use resolve::Found;
pub use settings::{
    AzureSettings, BitbucketSettings, GitHubSettings, GitLabSettings, Settings, SignIn,
};
pub(crate) use token::Delayed;
pub use token::{Token, TokenKind, TokenSpec};

use crate::clock::Clock;

/// Id of a user, organization or group; unique over all of them.
pub type OwnerId = u64;
/// Id of a repository: it outlives renames and transfers.
pub type RepositoryId = u64;
/// Id of an access token, which is not its secret.
pub type TokenId = u64;

/// Id of a GitHub App.
pub type AppId = u64;
/// Id of an installation of a GitHub App.
pub type InstallationId = u64;

/// The whole forge as a value.
#[derive(Clone)]
pub struct State {
    /// Limits and versions that the faces show.
    pub settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    /// Moves with every edit; what was computed under an older one is stale.
    pub(crate) version: u64,
    pub(crate) owners: BTreeMap<OwnerId, Owner>,
    pub(crate) logins: HashMap<String, OwnerId>,
    pub(crate) former_logins: HashMap<String, OwnerId>,
    pub(crate) repositories: BTreeMap<RepositoryId, Repository>,
    pub(crate) names: HashMap<(OwnerId, String), RepositoryId>,
    pub(crate) former_names: HashMap<(OwnerId, String), RepositoryId>,
    pub(crate) tokens: BTreeMap<TokenId, Token>,
    pub(crate) secrets: HashMap<String, TokenId>,
    pub(crate) apps: BTreeMap<AppId, App>,
    pub(crate) installations: BTreeMap<InstallationId, Installation>,
    pub(crate) oauth: Registrations,
    pub(crate) hooks: Hooks,
    pub(crate) next_owner: OwnerId,
    pub(crate) next_repository: RepositoryId,
    pub(crate) next_token: TokenId,
    pub(crate) next_app: AppId,
    pub(crate) next_installation: InstallationId,
}

impl State {
    pub(crate) fn new(clock: Clock, seed: u64) -> Self {
        Self {
            settings: Settings::default(),
            clock,
            seed,
            version: 0,
            owners: BTreeMap::new(),
            logins: HashMap::new(),
            former_logins: HashMap::new(),
            repositories: BTreeMap::new(),
            names: HashMap::new(),
            former_names: HashMap::new(),
            tokens: BTreeMap::new(),
            secrets: HashMap::new(),
            apps: BTreeMap::new(),
            installations: BTreeMap::new(),
            oauth: Registrations::default(),
            hooks: Hooks::default(),
            next_owner: 1001,
            next_repository: 300_000_001,
            next_token: 1,
            next_app: 90_001,
            next_installation: 50_000_001,
        }
    }

    /// The present moment of the forge's clock.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The account of this id.
    pub fn owner(&self, id: OwnerId) -> Option<&Owner> {
        self.owners.get(&id)
    }

    /// The account of this login, whatever its case.
    pub fn owner_named(&self, login: &str) -> Option<&Owner> {
        self.owners.get(self.logins.get(&login.to_lowercase())?)
    }

    /// The repository of this id.
    pub fn repository(&self, id: RepositoryId) -> Option<&Repository> {
        self.repositories.get(&id)
    }

    /// All repositories, oldest first.
    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// The token of this id.
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id)
    }

    /// The token with this secret, revoked and expired ones too.
    pub fn token_of_secret(&self, secret: &str) -> Option<&Token> {
        self.tokens.get(self.secrets.get(secret)?)
    }
}
