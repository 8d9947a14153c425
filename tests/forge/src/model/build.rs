//! Filling a forge: accounts and repositories.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::repository::commit_id;
use super::{
    Access, Branch, Organization, Owner, OwnerId, OwnerKind, Repository, RepositoryId,
    RepositorySpec, Role, State, User,
};
use crate::clock::genesis;

impl State {
    /// Makes a user.
    ///
    /// # Panics
    /// Where the login is taken.
    pub fn add_user(&mut self, login: &str) -> OwnerId {
        let user = User {
            email: format!("{login}@example.com"),
            ..User::default()
        };
        self.add_owner(login, OwnerKind::User(user))
    }

    /// Makes an organization (GitLab: a top-level group) whose members have read access.
    ///
    /// # Panics
    /// Where the login is taken or a member is no user.
    pub fn add_organization(&mut self, login: &str, members: &[(&str, Role)]) -> OwnerId {
        let id = self.add_owner(login, OwnerKind::Organization(Organization::empty(None)));
        for (member, role) in members {
            self.add_member(login, member, *role);
        }
        id
    }

    /// Makes a group inside another (GitLab). GitHub shows it as an organization of its own.
    ///
    /// # Panics
    /// Where the login is taken or the parent is not there.
    pub fn add_subgroup(&mut self, parent: &str, login: &str) -> OwnerId {
        let parent = Some(self.known(parent));
        self.add_owner(login, OwnerKind::Organization(Organization::empty(parent)))
    }

    /// Makes a user a member of an organization.
    ///
    /// # Panics
    /// Where the one is no organization or the other no user.
    pub fn add_member(&mut self, organization: &str, login: &str, role: Role) {
        let user = self.known(login);
        let id = self.known(organization);
        self.user_mut(user).organizations.insert(id);
        self.organization_mut(organization)
            .members
            .insert(user, role);
    }

    /// The organization's own part, to be changed.
    ///
    /// # Panics
    /// Where there is no such organization.
    pub fn organization_mut(&mut self, login: &str) -> &mut Organization {
        let id = self.known(login);
        match self.owners.get_mut(&id).map(|owner| &mut owner.kind) {
            Some(OwnerKind::Organization(organization)) => organization,
            _ => panic!("`{login}` is no organization of this forge"),
        }
    }

    /// The user's own part, to be changed.
    ///
    /// # Panics
    /// Where there is no such user.
    pub fn user_mut(&mut self, id: OwnerId) -> &mut User {
        match self.owners.get_mut(&id).map(|owner| &mut owner.kind) {
            Some(OwnerKind::User(user)) => user,
            _ => panic!("account {id} is no user of this forge"),
        }
    }

    /// Makes a repository.
    ///
    /// # Panics
    /// Where the owner or a collaborator is not there, or the name is taken.
    pub fn add_repository(&mut self, owner: &str, spec: RepositorySpec) -> RepositoryId {
        let owner = self.known(owner);
        let id = self.next_repository;
        self.next_repository += 1;
        let collaborators: BTreeMap<OwnerId, Access> = spec
            .collaborators
            .iter()
            .map(|(login, access)| (self.known(login), *access))
            .collect();
        for user in collaborators.keys() {
            self.user_mut(*user).collaborations.insert(id);
        }
        let mut branches: Vec<Branch> = spec
            .branches
            .into_iter()
            .map(|(name, protected)| Branch {
                sha: commit_id(id, &name, 0),
                name,
                protected,
            })
            .collect();
        branches.sort_by(|a, b| a.name.cmp(&b.name));
        let order = i64::try_from(id % 1_000_000).unwrap_or_default();
        let created_at = genesis() + TimeDelta::minutes(order);
        // Spread over the hours of a day, so that the order by push is another one than the order by age.
        let pushed_at =
            created_at + TimeDelta::days(400) + TimeDelta::minutes(order * 7_919 % 1_440);
        self.place(Repository {
            id,
            owner,
            name: spec.name,
            project: spec.project,
            description: spec.description,
            visibility: spec.visibility,
            archived: spec.archived,
            fork: spec.fork,
            language: spec.language,
            size: id % 5_000,
            stars: 0,
            default_branch: spec.default_branch,
            branches,
            collaborators,
            created_at,
            updated_at: pushed_at,
            pushed_at,
        });
        id
    }

    /// Makes `count` private repositories, named `{prefix}-00001` and so on from the number after those already there.
    ///
    /// # Panics
    /// Where the owner is not there.
    pub fn add_repositories(
        &mut self,
        owner: &str,
        prefix: &str,
        count: usize,
    ) -> Vec<RepositoryId> {
        let id = self.known(owner);
        let taken = self.owners.get(&id).map_or(0, |o| o.repositories.len());
        (taken + 1..=taken + count)
            .map(|number| format!("{prefix}-{number:05}"))
            .map(|name| self.add_repository(owner, RepositorySpec::named(name)))
            .collect()
    }

    pub(super) fn place(&mut self, repository: Repository) {
        let key = (repository.owner, repository.name.to_lowercase());
        self.former_names.remove(&key);
        let taken = self.names.insert(key, repository.id);
        assert!(
            taken.is_none(),
            "repository name `{}` is taken",
            repository.name
        );
        if let Some(owner) = self.owners.get_mut(&repository.owner) {
            owner.repositories.insert(repository.id);
        }
        self.repositories.insert(repository.id, repository);
    }

    pub(crate) fn known(&self, login: &str) -> OwnerId {
        match self.logins.get(&login.to_lowercase()) {
            Some(id) => *id,
            None => panic!("`{login}` is no account of this forge"),
        }
    }

    fn add_owner(&mut self, login: &str, kind: OwnerKind) -> OwnerId {
        let id = self.next_owner;
        self.next_owner += 1;
        let key = login.to_lowercase();
        self.former_logins.remove(&key);
        assert!(
            self.logins.insert(key, id).is_none(),
            "login `{login}` is taken"
        );
        let owner = Owner {
            id,
            login: login.to_owned(),
            name: capitalized(login),
            created_at: genesis() - TimeDelta::days(365) + TimeDelta::minutes(id as i64),
            repositories: BTreeSet::new(),
            kind,
        };
        self.owners.insert(id, owner);
        id
    }
}

impl Organization {
    fn empty(parent: Option<OwnerId>) -> Self {
        Self {
            parent,
            members: BTreeMap::new(),
            base_access: Access::Read,
            sso_enforced: false,
        }
    }
}

fn capitalized(login: &str) -> String {
    let mut characters = login.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
