//! Access tokens: what they are called, what they may do, until when.
//!
//! Secrets have the prefix and the shape of the real ones, so that prefix checks and log scrubbers meet what they will
//! meet outside. They are worth nothing: they follow from the forge's seed and a counter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{AppId, InstallationId, OwnerId, RepositoryId, State, TokenId};
use crate::face::Face;

/// An access token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// What kind of token it is.
    pub kind: TokenKind,
    /// The name its user gave it.
    pub name: String,
    /// Whom it speaks for.
    pub user: OwnerId,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; `None` is never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Taken back before its end.
    pub revoked: bool,
    /// Organizations with enforced single sign-on for which it was authorized.
    pub sso_authorized: BTreeSet<OwnerId>,
    /// The one account a fine-grained token is bound to, the one organization of an Azure DevOps token; without one that
    /// is a token for all of its user's organizations.
    pub resource_owner: Option<OwnerId>,
    /// The repositories a fine-grained token or one of an installation is limited to; `None` is all of its resource owner.
    pub repositories: Option<BTreeSet<RepositoryId>>,
    /// The App that a user authorized (`ghu_…`), or whose installation it speaks for (`ghs_…`).
    pub app: Option<AppId>,
    /// The installation it speaks for, with what it may do: permissions and their level.
    pub installation: Option<(InstallationId, BTreeMap<String, String>)>,
    /// Refusals still to come, because the token has not reached every machine of the provider.
    pub(crate) delayed: Option<Delayed>,
}

/// A token that is good and is refused for a while.
#[derive(Clone, Debug)]
pub(crate) struct Delayed {
    /// 401 while the token itself is on its way, 403 while its permissions are.
    pub(crate) status: u16,
    /// How often still.
    pub(crate) left: Arc<AtomicU32>,
}

impl Delayed {
    /// Takes one refusal; `None` once there are none left.
    pub(crate) fn refuse(&self) -> Option<u16> {
        let taken = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        taken.is_ok().then_some(self.status)
    }
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// GitHub's personal access token (classic), `ghp_…`.
    Classic,
    /// GitHub's fine-grained personal access token, `github_pat_…`.
    FineGrained,
    /// GitLab's personal access token, `glpat-…`.
    GitLabPersonal,
    /// An access token of a GitHub OAuth app, `gho_…`: scopes, no end.
    GitHubOAuth,
    /// An access token of a user of a GitHub App, `ghu_…`.
    GitHubUser,
    /// A token of an installation of a GitHub App, `ghs_…`: long, with dots.
    GitHubInstallation,
    /// An access token of GitLab's OAuth: 64 hexadecimal digits.
    GitLabOAuth,
    /// Bitbucket's API token of a user, `ATATT3…`, presented as Basic with the user's e-mail.
    BitbucketApi,
    /// Bitbucket's repository, project or workspace access token, `ATCTT3…`, presented as Bearer.
    BitbucketAccess,
    /// An access token of Bitbucket's OAuth.
    BitbucketOAuth,
    /// Azure DevOps' personal access token, 84 characters with `AZDO` in them.
    AzurePat,
    /// An access token of Microsoft Entra, a JWT.
    AzureEntra,
}

impl TokenKind {
    /// The provider that takes it.
    pub fn face(self) -> Face {
        match self {
            TokenKind::Classic
            | TokenKind::FineGrained
            | TokenKind::GitHubOAuth
            | TokenKind::GitHubUser
            | TokenKind::GitHubInstallation => Face::GitHub,
            TokenKind::GitLabPersonal | TokenKind::GitLabOAuth => Face::GitLab,
            TokenKind::BitbucketApi | TokenKind::BitbucketAccess | TokenKind::BitbucketOAuth => {
                Face::Bitbucket
            }
            TokenKind::AzurePat | TokenKind::AzureEntra => Face::Azure,
        }
    }

    /// GitHub's tokens with OAuth scopes, which single sign-on can keep out.
    pub fn has_github_scopes(self) -> bool {
        matches!(self, TokenKind::Classic | TokenKind::GitHubOAuth)
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct TokenSpec {
    pub(crate) login: String,
    pub(crate) kind: TokenKind,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) sso_authorized: Vec<String>,
    pub(crate) resource_owner: Option<String>,
    pub(crate) repositories: Option<BTreeSet<RepositoryId>>,
    pub(crate) app: Option<AppId>,
}

impl TokenSpec {
    fn new(login: &str, kind: TokenKind, scopes: &[&str]) -> Self {
        Self {
            login: login.to_owned(),
            kind,
            name: "mooring".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: None,
            sso_authorized: Vec::new(),
            resource_owner: None,
            repositories: None,
            app: None,
        }
    }

    /// A classic GitHub token with the scopes `repo` and `read:org` and no end.
    pub fn classic(login: &str) -> Self {
        Self::new(login, TokenKind::Classic, &["repo", "read:org"])
    }

    /// A fine-grained GitHub token for all repositories of its user.
    pub fn fine_grained(login: &str) -> Self {
        let mut spec = Self::new(login, TokenKind::FineGrained, &[]);
        spec.resource_owner = Some(login.to_owned());
        spec
    }

    /// A GitLab personal access token with the scope `api` and no end.
    pub fn gitlab(login: &str) -> Self {
        Self::new(login, TokenKind::GitLabPersonal, &["api"])
    }

    /// A Bitbucket API token with the scopes that reading needs and no end.
    pub fn bitbucket(login: &str) -> Self {
        let scopes = [
            "read:user:bitbucket",
            "read:workspace:bitbucket",
            "read:repository:bitbucket",
        ];
        Self::new(login, TokenKind::BitbucketApi, &scopes)
    }

    /// A Bitbucket access token of the workspace of this account, with no end. [`TokenSpec::repositories`] makes it one of
    /// a repository, or of a project where they are several.
    pub fn bitbucket_access(workspace: &str) -> Self {
        Self::new(
            workspace,
            TokenKind::BitbucketAccess,
            &["account", "repository"],
        )
    }

    /// A personal access token of Azure DevOps for the organization named like its user, with the scopes `vso.code` and
    /// `vso.project` and no end.
    pub fn azure(login: &str) -> Self {
        let mut spec = Self::new(login, TokenKind::AzurePat, &["vso.code", "vso.project"]);
        spec.resource_owner = Some(login.to_owned());
        spec
    }

    /// A token of another kind, with these scopes and no end.
    pub fn of(login: &str, kind: TokenKind, scopes: &[&str]) -> Self {
        Self::new(login, kind, scopes)
    }

    /// With these scopes and no others.
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// With an end. GitLab keeps the date alone and ends the token as that day begins (UTC).
    pub fn expires_at(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// With a name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Authorized for an organization that enforces single sign-on.
    pub fn sso_authorized(mut self, organization: &str) -> Self {
        self.sso_authorized.push(organization.to_owned());
        self
    }

    /// Fine-grained: bound to this account. Azure DevOps: for this organization alone.
    pub fn resource_owner(mut self, login: &str) -> Self {
        self.resource_owner = Some(login.to_owned());
        self
    }

    /// Of a user who authorized this App ([`TokenKind::GitHubUser`]).
    pub fn app(mut self, id: AppId) -> Self {
        self.app = Some(id);
        self
    }

    /// Fine-grained: limited to these repositories.
    pub fn repositories(mut self, ids: impl IntoIterator<Item = RepositoryId>) -> Self {
        self.repositories = Some(ids.into_iter().collect());
        self
    }
}

impl Token {
    /// Neither revoked nor past its end.
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        !self.revoked && !self.is_expired(now)
    }

    /// Past its end.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        match (self.kind, self.expires_at) {
            (_, None) => false,
            (TokenKind::GitLabPersonal, Some(at)) => at.date_naive() <= now.date_naive(),
            (_, Some(at)) => at <= now,
        }
    }

    /// Has at least one of these scopes.
    pub fn has_any_scope(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(*scope))
    }
}

impl State {
    /// Makes a token and answers its secret.
    ///
    /// # Panics
    /// Where the specification names an account that is not there.
    pub fn mint(&mut self, spec: TokenSpec) -> String {
        let id = self.next_token;
        self.next_token += 1;
        let secret = self.secret(id, spec.kind);
        let token = Token {
            id,
            kind: spec.kind,
            name: spec.name,
            user: self.known(&spec.login),
            scopes: spec.scopes.into_iter().collect(),
            created_at: self.now(),
            expires_at: spec.expires_at,
            revoked: false,
            sso_authorized: spec.sso_authorized.iter().map(|l| self.known(l)).collect(),
            resource_owner: spec.resource_owner.map(|login| self.known(&login)),
            repositories: spec.repositories,
            app: spec.app,
            installation: None,
            delayed: None,
        };
        self.keep(secret, token)
    }

    pub(super) fn keep(&mut self, secret: String, token: Token) -> String {
        self.secrets.insert(secret.clone(), token.id);
        self.tokens.insert(token.id, token);
        secret
    }

    /// Takes a token back; says whether there was one with this secret.
    pub fn revoke(&mut self, secret: &str) -> bool {
        let token = self
            .secrets
            .get(secret)
            .and_then(|id| self.tokens.get_mut(id));
        token.map(|token| token.revoked = true).is_some()
    }

    pub(super) fn secret(&self, id: TokenId, kind: TokenKind) -> String {
        let noise = letters(&format!("{}\n{id}", self.seed), 81);
        match kind {
            TokenKind::Classic => format!("ghp_{}", &noise[..36]),
            TokenKind::FineGrained => format!("github_pat_{}_{}", &noise[..22], &noise[22..81]),
            TokenKind::GitLabPersonal => {
                format!("{}{}", self.settings.gitlab.token_prefix, &noise[..20])
            }
            TokenKind::GitHubOAuth => format!("gho_{}", &noise[..36]),
            TokenKind::GitHubUser => format!("ghu_{}", &noise[..36]),
            TokenKind::GitHubInstallation => {
                let long = letters(&format!("{}\n{id}\nlong", self.seed), 500);
                format!(
                    "ghs_{id}_{}.{}.{}",
                    &long[..36],
                    &long[36..414],
                    &long[414..]
                )
            }
            TokenKind::GitLabOAuth => hex::encode(Sha256::digest(noise)),
            TokenKind::BitbucketApi => {
                format!("ATATT3xFfGF0{}={:08X}", &noise[..], id)
            }
            TokenKind::BitbucketAccess => {
                let long = letters(&format!("{}\n{id}\nlong", self.seed), 171);
                format!("ATCTT3xFfGN0{long}={id:08X}")
            }
            TokenKind::BitbucketOAuth => {
                format!("{}_{}=={}", &noise[..40], &noise[40..], id)
            }
            TokenKind::AzurePat => {
                format!("{}AZDO{:0>4}", &noise[..76], id)
            }
            TokenKind::AzureEntra => {
                let long = letters(&format!("{}\n{id}\nlong", self.seed), 900);
                format!("eyJ0eXAiOiJKV1QifQ.{}.{}", &long[..600], &long[600..])
            }
        }
    }
}

/// `length` letters and digits that follow from `seed` alone.
pub(super) fn letters(seed: &str, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let blocks = (0u8..).flat_map(|block| Sha256::digest(format!("{seed}\n{block}")));
    blocks
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::TokenSpec;
    use crate::clock::system_clock;
    use crate::forge::Forge;

    #[test]
    fn secrets_follow_from_the_seed_and_the_order_of_minting() {
        let minted = |seed| {
            let forge = Forge::new(system_clock(), seed);
            forge.add_user("ada");
            [(); 2].map(|()| forge.mint(TokenSpec::classic("ada")))
        };
        assert_eq!(minted(1), minted(1));
        assert_ne!(minted(1), minted(2));
        let [first, second] = minted(1);
        assert_ne!(first, second);
    }
}
