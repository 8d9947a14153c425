//! Who sees what: membership, invitations, visibility, scopes, single sign-on.

use std::collections::BTreeSet;

use super::{Access, OwnerId, Repository, RepositoryId, Role, State, Token, TokenKind, Visibility};

/// Somebody who asks: a token's user, or nobody.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub(crate) state: &'a State,
    pub(crate) token: Option<&'a Token>,
}

/// What a viewer learns of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it.
    Full,
    /// That it is behind the single sign-on of this organization.
    Blocked(OwnerId),
    /// Not even that it is there.
    Hidden,
}

impl State {
    /// What a member of `owner`, or of a group around it, may do there.
    pub(crate) fn group_access(&self, user: OwnerId, owner: OwnerId) -> Option<Access> {
        self.lineage(owner)
            .filter_map(|owner| owner.organization())
            .filter_map(|group| match group.members.get(&user)? {
                Role::Owner => Some(Access::Admin),
                Role::Member => Some(group.base_access),
            })
            .max()
    }

    /// What somebody may do in a repository by ownership or invitation.
    pub(crate) fn direct_access(&self, user: OwnerId, repository: &Repository) -> Option<Access> {
        match repository.owner == user {
            true => Some(Access::Admin),
            false => repository.collaborators.get(&user).copied(),
        }
    }

    /// What somebody may do in a repository, all ways counted; visibility gives nothing here.
    pub fn access(&self, user: OwnerId, repository: &Repository) -> Option<Access> {
        self.direct_access(user, repository)
            .max(self.group_access(user, repository.owner))
    }

    /// Organizations of which a user is a member, directly or through a group around them.
    pub(crate) fn memberships(&self, user: OwnerId) -> BTreeSet<OwnerId> {
        let direct = self.owners.get(&user).and_then(|owner| owner.user());
        direct
            .into_iter()
            .flat_map(|user| &user.organizations)
            .flat_map(|id| self.with_subgroups(*id))
            .collect()
    }

    /// Every repository to which a user has access: own, invited, by membership.
    pub(crate) fn repositories_of(&self, user: OwnerId) -> BTreeSet<RepositoryId> {
        let mut ids: BTreeSet<RepositoryId> = self
            .memberships(user)
            .iter()
            .chain([&user])
            .filter_map(|id| self.owners.get(id))
            .flat_map(|owner| owner.repositories.iter().copied())
            .collect();
        if let Some(user) = self.owners.get(&user).and_then(|owner| owner.user()) {
            ids.extend(&user.collaborations);
        }
        ids
    }
}

impl<'a> Viewer<'a> {
    pub(crate) fn user(&self) -> Option<OwnerId> {
        self.token.map(|token| token.user)
    }

    /// What the viewer may do in the repository, by the user's rights alone; an installation by what it was granted.
    pub(crate) fn access(&self, repository: &Repository) -> Option<Access> {
        if let Some(token) = self.token.filter(|token| token.installation.is_some()) {
            return self.state.installation_access(token, repository);
        }
        self.state.access(self.user()?, repository)
    }

    /// Whether single sign-on keeps this token out of an organization.
    pub(crate) fn is_blocked_from(&self, owner: OwnerId) -> bool {
        let Some(token) = self.token else {
            return false;
        };
        let organization = self.state.owner(owner).and_then(|o| o.organization());
        token.kind.has_github_scopes()
            && organization.is_some_and(|organization| organization.sso_enforced)
            && !token.sso_authorized.contains(&owner)
    }

    pub(crate) fn sight(&self, repository: &Repository) -> Sight {
        let public = repository.visibility == Visibility::Public;
        let internal = repository.visibility == Visibility::Internal;
        let Some(token) = self.token else {
            return if public { Sight::Full } else { Sight::Hidden };
        };
        let member = self.access(repository).is_some();
        if member && self.is_blocked_from(repository.owner) {
            return Sight::Blocked(repository.owner);
        }
        let granted = match token.kind {
            TokenKind::Classic | TokenKind::GitHubOAuth => member && token.has_any_scope(&["repo"]),
            TokenKind::FineGrained => member && token.covers(repository),
            TokenKind::GitHubUser => member && self.state.is_installed_for(token, repository),
            TokenKind::GitHubInstallation => member,
            TokenKind::GitLabPersonal | TokenKind::GitLabOAuth => member || internal,
            TokenKind::BitbucketApi
            | TokenKind::BitbucketAccess
            | TokenKind::BitbucketOAuth
            | TokenKind::AzurePat
            | TokenKind::AzureEntra => member,
        };
        match public || granted {
            true => Sight::Full,
            false => Sight::Hidden,
        }
    }
}

impl Token {
    /// Whether a fine-grained token was given this repository.
    fn covers(&self, repository: &Repository) -> bool {
        let chosen = self.repositories.as_ref();
        self.resource_owner == Some(repository.owner)
            && chosen.is_none_or(|chosen| chosen.contains(&repository.id))
    }
}
