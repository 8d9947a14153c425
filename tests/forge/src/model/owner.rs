//! Accounts that can own repositories: users, and organizations (GitLab: groups, which may lie inside each other).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Access, OwnerId, RepositoryId, State};

/// A user or an organization.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Never changes.
    pub id: OwnerId,
    /// Unique over all accounts, whatever the case.
    pub login: String,
    /// For people to read.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its repositories.
    pub repositories: BTreeSet<RepositoryId>,
    /// What tells a user from an organization.
    pub kind: OwnerKind,
}

/// A user or an organization, with what only one of them has.
#[derive(Clone, Debug)]
pub enum OwnerKind {
    /// A person or a bot.
    User(User),
    /// A GitHub organization, a GitLab group.
    Organization(Organization),
}

/// What only a user has.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The primary address.
    pub email: String,
    /// Organizations of which the user is a direct member.
    pub organizations: BTreeSet<OwnerId>,
    /// Repositories of others to which the user was invited.
    pub collaborations: BTreeSet<RepositoryId>,
    /// Requests per hour on GitHub where they differ from the settings.
    pub github_limit: Option<u32>,
    /// Requests per minute on GitLab where they differ from the settings.
    pub gitlab_limit: Option<u32>,
}

/// What only an organization has.
#[derive(Clone, Debug)]
pub struct Organization {
    /// The group around this one (GitLab); GitHub shows every organization at the top.
    pub parent: Option<OwnerId>,
    /// Direct members.
    pub members: BTreeMap<OwnerId, Role>,
    /// What a plain member may do in every repository of the organization.
    pub base_access: Access,
    /// GitHub: single sign-on is enforced, so classic tokens see it only once they are authorized for it.
    pub sso_enforced: bool,
}

/// Role of a member of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Has the organization's base access.
    Member,
    /// May do everything.
    Owner,
}

impl Owner {
    /// The user's own part, where this is a user.
    pub fn user(&self) -> Option<&User> {
        match &self.kind {
            OwnerKind::User(user) => Some(user),
            OwnerKind::Organization(_) => None,
        }
    }

    /// The organization's own part, where this is an organization.
    pub fn organization(&self) -> Option<&Organization> {
        match &self.kind {
            OwnerKind::User(_) => None,
            OwnerKind::Organization(organization) => Some(organization),
        }
    }
}

impl State {
    /// The account and the groups around it, innermost first.
    pub(crate) fn lineage(&self, id: OwnerId) -> impl Iterator<Item = &Owner> {
        let parent = |owner: &&Owner| {
            let parent = owner.organization()?.parent?;
            self.owners.get(&parent)
        };
        std::iter::successors(self.owners.get(&id), parent)
    }

    /// GitLab's path of an account: `group/subgroup`.
    pub fn full_path(&self, id: OwnerId) -> String {
        self.joined(id, "/", |owner| &owner.login)
    }

    /// GitLab's name of an account: `Group / Subgroup`.
    pub fn full_name(&self, id: OwnerId) -> String {
        self.joined(id, " / ", |owner| &owner.name)
    }

    fn joined(&self, id: OwnerId, separator: &str, part: fn(&Owner) -> &String) -> String {
        let mut parts: Vec<&str> = self.lineage(id).map(|owner| part(owner).as_str()).collect();
        parts.reverse();
        parts.join(separator)
    }

    /// A group and all groups inside it.
    pub(crate) fn with_subgroups(&self, id: OwnerId) -> BTreeSet<OwnerId> {
        let mut all = BTreeSet::from([id]);
        loop {
            let inside = |owner: &&Owner| {
                let parent = owner.organization().and_then(|group| group.parent);
                parent.is_some_and(|parent| all.contains(&parent)) && !all.contains(&owner.id)
            };
            let found: Vec<OwnerId> = self
                .owners
                .values()
                .filter(inside)
                .map(|owner| owner.id)
                .collect();
            if found.is_empty() {
                return all;
            }
            all.extend(found);
        }
    }
}
