//! What happens to repositories while somebody keeps a copy of the list: renames, transfers, pushes, deletions.

use super::repository::commit_id;
use super::{Access, Branch, OwnerId, Repository, RepositoryId, State};

impl State {
    /// The repository, to be changed. Its name and owner are changed by [`State::rename`] and [`State::transfer`], which
    /// keep the indexes.
    ///
    /// # Panics
    /// Where there is no such repository.
    pub fn repository_mut(&mut self, id: RepositoryId) -> &mut Repository {
        match self.repositories.get_mut(&id) {
            Some(repository) => repository,
            None => panic!("{id} is no repository of this forge"),
        }
    }

    /// Invites a user to a repository, or changes what an invited one may do.
    ///
    /// # Panics
    /// Where there is no such repository or user.
    pub fn add_collaborator(&mut self, id: RepositoryId, login: &str, access: Access) {
        let user = self.known(login);
        self.user_mut(user).collaborations.insert(id);
        self.repository_mut(id).collaborators.insert(user, access);
    }

    /// Gives a repository another name; the old path redirects until somebody takes it.
    ///
    /// # Panics
    /// Where there is no such repository or the name is taken.
    pub fn rename(&mut self, id: RepositoryId, name: &str) {
        let owner = self.repository_mut(id).owner;
        self.relocate(id, owner, name);
    }

    /// Gives a repository to another account; the old path redirects until somebody takes it.
    ///
    /// # Panics
    /// Where there is no such repository or account, or the name is taken there.
    pub fn transfer(&mut self, id: RepositoryId, to: &str) {
        let owner = self.known(to);
        let name = self.repository_mut(id).name.clone();
        self.relocate(id, owner, &name);
    }

    /// Gives an account another login; its old paths redirect until somebody takes the login.
    ///
    /// # Panics
    /// Where there is no such account or the login is taken.
    pub fn rename_owner(&mut self, login: &str, to: &str) {
        let id = self.known(login);
        let new = to.to_lowercase();
        assert!(!self.logins.contains_key(&new), "login `{to}` is taken");
        let old = login.to_lowercase();
        self.logins.remove(&old);
        self.former_logins.insert(old, id);
        self.former_logins.remove(&new);
        self.logins.insert(new, id);
        if let Some(owner) = self.owners.get_mut(&id) {
            owner.login = to.to_owned();
        }
    }

    /// Removes a repository and everything that pointed to it.
    ///
    /// # Panics
    /// Where there is no such repository.
    pub fn delete(&mut self, id: RepositoryId) {
        let repository = self.repository_mut(id).clone();
        self.lift(&repository);
        self.repositories.remove(&id);
        self.former_names.retain(|_, target| *target != id);
        for user in repository.collaborators.keys() {
            self.user_mut(*user).collaborations.remove(&id);
        }
    }

    /// Makes a repository read-only, or writable again.
    ///
    /// # Panics
    /// Where there is no such repository.
    pub fn archive(&mut self, id: RepositoryId, archived: bool) {
        let now = self.now();
        let repository = self.repository_mut(id);
        repository.archived = archived;
        repository.updated_at = now;
    }

    /// Moves a branch to a new commit and answers its id; a branch that is not there is made.
    ///
    /// # Panics
    /// Where there is no such repository.
    pub fn push(&mut self, id: RepositoryId, branch: &str) -> String {
        let now = self.now();
        let push = self.version + 1;
        let sha = commit_id(id, branch, push);
        let repository = self.repository_mut(id);
        repository.pushed_at = now;
        repository.updated_at = now;
        match repository
            .branches
            .binary_search_by(|held| held.name.as_str().cmp(branch))
        {
            Ok(at) => repository.branches[at].sha.clone_from(&sha),
            Err(at) => repository.branches.insert(
                at,
                Branch {
                    name: branch.to_owned(),
                    sha: sha.clone(),
                    protected: false,
                },
            ),
        }
        sha
    }

    fn relocate(&mut self, id: RepositoryId, owner: OwnerId, name: &str) {
        let now = self.now();
        let mut repository = self.repository_mut(id).clone();
        self.lift(&repository);
        let old = (repository.owner, repository.name.to_lowercase());
        repository.owner = owner;
        repository.name = name.to_owned();
        repository.updated_at = now;
        self.place(repository);
        if !self.names.contains_key(&old) {
            self.former_names.insert(old, id);
        }
    }

    fn lift(&mut self, repository: &Repository) {
        self.names
            .remove(&(repository.owner, repository.name.to_lowercase()));
        if let Some(owner) = self.owners.get_mut(&repository.owner) {
            owner.repositories.remove(&repository.id);
        }
    }
}
