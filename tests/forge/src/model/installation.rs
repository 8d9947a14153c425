//! What an installation covers, and the tokens that are minted for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Access, Delayed, Installation, InstallationId, OwnerId, Repository, RepositoryId, State, Token,
    TokenKind,
};

/// What a token is narrowed to when it is minted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrowing {
    pub(crate) repositories: Vec<String>,
    pub(crate) repository_ids: Vec<RepositoryId>,
    pub(crate) permissions: Option<BTreeMap<String, String>>,
}

/// Why no token is minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MintRefusal {
    /// A repository that is not there or not the installation's.
    Repository,
    /// A permission that was not granted.
    Permission,
    /// More than 500 repositories.
    TooMany,
}

impl State {
    /// The repositories that an installation covers, oldest first.
    pub(crate) fn covered(&self, installation: &Installation) -> Vec<RepositoryId> {
        let all = self.owners.get(&installation.account);
        let all = all.into_iter().flat_map(|owner| &owner.repositories);
        let chosen = installation.repositories.as_ref();
        all.copied()
            .filter(|id| chosen.is_none_or(|chosen| chosen.contains(id)))
            .collect()
    }

    /// Whether a person has any right to something that an installation covers.
    pub(crate) fn may_see_installation(&self, user: OwnerId, installation: &Installation) -> bool {
        installation.account == user
            || self
                .covered(installation)
                .iter()
                .filter_map(|id| self.repositories.get(id))
                .any(|repository| self.access(user, repository).is_some())
            || self.group_access(user, installation.account).is_some()
    }

    /// The secrets of all tokens that were minted for installations, dead ones too.
    pub fn installation_secrets(&self) -> Vec<String> {
        let minted = self.secrets.iter().filter(|(_, id)| {
            let token = self.tokens.get(id);
            token.is_some_and(|token| token.installation.is_some())
        });
        minted.map(|(secret, _)| secret.clone()).collect()
    }

    /// Whether a person's token of an App reaches a repository: where the App is installed too. One of no App here is
    /// not limited.
    pub(crate) fn is_installed_for(&self, token: &Token, repository: &Repository) -> bool {
        token.app.is_none_or(|app| {
            let living = |one: &&Installation| one.app == app && one.suspended_at.is_none();
            let mut all = self.installations.values().filter(living);
            all.any(|one| self.covered(one).contains(&repository.id))
        })
    }

    /// Mints a token of a living installation; the secret and the end.
    pub(crate) fn mint_installation(
        &mut self,
        id: InstallationId,
        narrowing: Narrowing,
    ) -> Result<(String, DateTime<Utc>), MintRefusal> {
        let Some(installation) = self.installations.get(&id).cloned() else {
            return Err(MintRefusal::Repository);
        };
        let repositories = self.narrowed(&installation, &narrowing)?;
        let permissions = match narrowing.permissions {
            None => installation.permissions.clone(),
            Some(wanted) => {
                let granted = |(name, level): (&String, &String)| {
                    let have = installation.permissions.get(name).map(String::as_str);
                    have == Some(level.as_str()) || (have == Some("write") && level == "read")
                };
                if !wanted.iter().all(granted) {
                    return Err(MintRefusal::Permission);
                }
                let mut wanted = wanted;
                wanted.insert("metadata".to_owned(), "read".to_owned());
                wanted
            }
        };
        let token = self.next_token;
        self.next_token += 1;
        let now = self.now();
        let end = now + TimeDelta::hours(1);
        let refusals = self.settings.github.fresh_token_refusals;
        let secret = self.secret(token, TokenKind::GitHubInstallation);
        let token = Token {
            id: token,
            kind: TokenKind::GitHubInstallation,
            name: "installation".to_owned(),
            // It speaks for nobody: its budget is that of the installation.
            user: id,
            scopes: BTreeSet::new(),
            created_at: now,
            expires_at: Some(end),
            revoked: false,
            sso_authorized: BTreeSet::new(),
            resource_owner: Some(installation.account),
            repositories,
            app: Some(installation.app),
            installation: Some((id, permissions)),
            delayed: refusals.map(|(status, count)| Delayed {
                status,
                left: Arc::new(AtomicU32::new(count)),
            }),
        };
        Ok((self.keep(secret, token), end))
    }

    fn narrowed(
        &self,
        installation: &Installation,
        narrowing: &Narrowing,
    ) -> Result<Option<BTreeSet<RepositoryId>>, MintRefusal> {
        if narrowing.repositories.is_empty() && narrowing.repository_ids.is_empty() {
            return Ok(None);
        }
        if narrowing.repositories.len() + narrowing.repository_ids.len() > 500 {
            return Err(MintRefusal::TooMany);
        }
        let covered: BTreeSet<RepositoryId> = self.covered(installation).into_iter().collect();
        let named = narrowing.repositories.iter().map(|name| {
            let key = (installation.account, name.to_lowercase());
            self.names.get(&key).copied()
        });
        let by_id = narrowing.repository_ids.iter().copied().map(Some);
        named
            .chain(by_id)
            .map(|id| id.filter(|id| covered.contains(id)))
            .collect::<Option<BTreeSet<_>>>()
            .map(Some)
            .ok_or(MintRefusal::Repository)
    }

    /// What an installation's token may do in a repository.
    pub(crate) fn installation_access(
        &self,
        token: &Token,
        repository: &Repository,
    ) -> Option<Access> {
        let (id, permissions) = token.installation.as_ref()?;
        let installation = self.installations.get(id)?;
        let narrowed = token.repositories.as_ref();
        let chosen = installation.repositories.as_ref();
        let covers = repository.owner == installation.account
            && chosen.is_none_or(|chosen| chosen.contains(&repository.id))
            && narrowed.is_none_or(|narrowed| narrowed.contains(&repository.id));
        let level = |name: &str| permissions.get(name).map(String::as_str);
        covers.then(|| match (level("administration"), level("contents")) {
            (Some("write"), _) => Access::Admin,
            (_, Some("write")) => Access::Write,
            _ => Access::Read,
        })
    }
}

impl Token {
    /// Whether an installation's token may do this; other tokens are not asked.
    pub(crate) fn may(&self, permission: &str) -> bool {
        let granted =
            |(_, permissions): &(_, BTreeMap<String, String>)| permissions.contains_key(permission);
        self.installation.as_ref().is_none_or(granted)
    }
}
