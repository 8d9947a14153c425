//! Repositories and their branches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{OwnerId, RepositoryId};

/// A repository (GitLab: project).
#[derive(Clone, Debug)]
pub struct Repository {
    /// Never changes.
    pub id: RepositoryId,
    /// The account it belongs to.
    pub owner: OwnerId,
    /// Unique within the owner, whatever the case.
    pub name: String,
    /// Azure DevOps: the project in which it lies; `None` is the owner's default one, which has the owner's login as its name.
    pub project: Option<String>,
    /// A sentence, or none.
    pub description: Option<String>,
    /// Who may see it without an invitation.
    pub visibility: Visibility,
    /// Read-only.
    pub archived: bool,
    /// A copy of another one.
    pub fork: bool,
    /// GitHub's main language, or none.
    pub language: Option<String>,
    /// Kibibytes.
    pub size: u64,
    /// Stars.
    pub stars: u64,
    /// Name of the default branch. An empty repository has one on GitHub although no such branch exists.
    pub default_branch: String,
    /// Sorted by name; none in an empty repository.
    pub branches: Vec<Branch>,
    /// Invited people.
    pub collaborators: BTreeMap<OwnerId, Access>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its settings last changed.
    pub updated_at: DateTime<Utc>,
    /// When a branch last moved.
    pub pushed_at: DateTime<Utc>,
}

/// A branch and the commit it points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// May contain slashes.
    pub name: String,
    /// 40 hexadecimal digits.
    pub sha: String,
    /// Protected against force pushes.
    pub protected: bool,
}

/// Who may see a repository without an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Everybody with an account (GitLab; shown as private on GitHub).
    Internal,
    /// Those with access.
    Private,
}

/// What somebody may do in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read; GitLab: reporter (20).
    Read,
    /// Read and sort issues; GitLab: reporter (20).
    Triage,
    /// Push; GitLab: developer (30).
    Write,
    /// Push and change most settings; GitLab: maintainer (40).
    Maintain,
    /// Everything; GitLab: owner (50).
    Admin,
}

impl Access {
    /// GitLab's number for it.
    pub fn gitlab_level(self) -> u8 {
        match self {
            Access::Read | Access::Triage => 20,
            Access::Write => 30,
            Access::Maintain => 40,
            Access::Admin => 50,
        }
    }
}

impl Repository {
    /// The branch of this name.
    pub fn branch(&self, name: &str) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.name == name)
    }
}

/// A commit id that follows from the repository, the branch and the number of the push alone.
pub(crate) fn commit_id(repository: RepositoryId, branch: &str, push: u64) -> String {
    let digest = Sha256::digest(format!("{repository}\n{branch}\n{push}"));
    hex::encode(&digest[..20])
}

/// A repository to be made: private, with the one branch `main`, unless said otherwise.
#[derive(Clone, Debug)]
pub struct RepositorySpec {
    pub(crate) name: String,
    pub(crate) project: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) visibility: Visibility,
    pub(crate) archived: bool,
    pub(crate) fork: bool,
    pub(crate) language: Option<String>,
    pub(crate) branches: Vec<(String, bool)>,
    pub(crate) default_branch: String,
    pub(crate) collaborators: Vec<(String, Access)>,
}

impl RepositorySpec {
    /// A private repository of this name with the one branch `main`.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            project: None,
            description: None,
            visibility: Visibility::Private,
            archived: false,
            fork: false,
            language: None,
            branches: vec![("main".to_owned(), false)],
            default_branch: "main".to_owned(),
            collaborators: Vec::new(),
        }
    }

    /// In this project (Azure DevOps; no other face shows it).
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// With a description.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// With a visibility.
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Seen by everybody.
    pub fn public(self) -> Self {
        self.visibility(Visibility::Public)
    }

    /// Read-only.
    pub fn archived(mut self) -> Self {
        self.archived = true;
        self
    }

    /// A copy of another one.
    pub fn fork(mut self) -> Self {
        self.fork = true;
        self
    }

    /// With a main language.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// With these branches, of which the first is the default one; none makes an empty repository.
    pub fn branches<I: Into<String>>(mut self, names: impl IntoIterator<Item = I>) -> Self {
        self.branches = names.into_iter().map(|name| (name.into(), false)).collect();
        if let Some((first, _)) = self.branches.first() {
            self.default_branch = first.clone();
        }
        self
    }

    /// With this branch protected; it is added where it is not there.
    pub fn protected(mut self, name: &str) -> Self {
        match self.branches.iter_mut().find(|(branch, _)| branch == name) {
            Some((_, protected)) => *protected = true,
            None => self.branches.push((name.to_owned(), true)),
        }
        self
    }

    /// With somebody invited.
    pub fn collaborator(mut self, login: impl Into<String>, access: Access) -> Self {
        self.collaborators.push((login.into(), access));
        self
    }
}
