//! What a delivery means, in one form for all four providers.
//!
//! A provider tells of a repository what it happens to tell in that event, often a few fields; so
//! everything but the id may be missing, and what is missing stays as it is known.

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// What a delivery means.
#[derive(Clone, Debug, PartialEq)]
pub struct HookEvent {
    /// As of when, by the provider's clock; `None` where it does not tell.
    pub at: Option<DateTime<Utc>>,
    /// The installation of a GitHub App that it is about.
    pub installation: Option<i64>,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A hook was set up, and tries.
    Ping,
    /// Something happened to a repository.
    Repository(RepositoryChange, ToldRepository),
    /// Repositories came under an installation, or left it.
    InstallationRepositories {
        /// Those that came.
        added: Vec<ToldRepository>,
        /// Ids of those that left.
        removed: Vec<String>,
    },
    /// Something happened to an installation.
    Installation(InstallationChange),
    /// A person took back every grant to the App that this came from.
    AuthorizationRevoked {
        /// The person's account.
        account_id: String,
    },
    /// Branches moved.
    Push(Push),
    /// A pull request changed.
    PullRequest(PullRequest),
    /// Somebody deleted the hook at the provider.
    HookDeleted,
    /// Something that shows only in a listing.
    Listing,
    /// Nothing that matters here; why.
    Nothing(&'static str),
}

/// What happened to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryChange {
    /// It was made.
    Created,
    /// Its name, owner, visibility or anything else changed.
    Updated,
    /// It went to another owner: whether it is seen still is another question.
    Transferred,
    /// It is gone.
    Deleted,
}

/// What is told of a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldRepository {
    /// The provider's immutable id, as text.
    pub id: String,
    /// As the provider writes it.
    pub full_name: Option<String>,
    /// Last part of the full name, where it is another word.
    pub name: Option<String>,
    /// Where people open it.
    pub url: Option<String>,
    /// Clone over HTTPS.
    pub clone_url: Option<String>,
    /// Clone over SSH.
    pub ssh_url: Option<String>,
    /// Not readable by everybody.
    pub private: Option<bool>,
    /// The default branch.
    pub default_branch: Option<String>,
    /// Free text; empty where it has none.
    pub description: Option<String>,
    /// Main language.
    pub language: Option<String>,
    /// Read-only.
    pub archived: Option<bool>,
    /// Made as a fork.
    pub fork: Option<bool>,
    /// Size in KiB.
    pub size_kb: Option<i64>,
    /// Last push.
    pub pushed_at: Option<DateTime<Utc>>,
}

/// What happened to an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallationChange {
    /// It was made.
    Created,
    /// It is gone, for good: another one has another number.
    Deleted,
    /// Its owner suspended it.
    Suspended,
    /// The suspension was lifted.
    Unsuspended,
    /// Its owner accepted other permissions.
    PermissionsAccepted,
}

/// A push.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// Where.
    pub repository: ToldRepository,
    /// Branches that moved; none where only tags did.
    pub branches: Vec<BranchMove>,
    /// Files that changed, as far as they were told.
    pub paths: Vec<String>,
    /// Whether files may have changed that were not told.
    pub more_paths: bool,
}

/// A branch that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchMove {
    /// Its name without `refs/heads/`.
    pub branch: String,
    /// The commit before; `None` where it is new.
    pub before: Option<String>,
    /// The commit now; `None` where it was deleted.
    pub after: Option<String>,
}

/// A pull request that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PullRequest {
    /// The repository that it is to be merged into.
    pub repository: ToldRepository,
    /// What happened.
    pub change: PullRequestChange,
    /// Its number.
    pub number: i64,
    /// Its title.
    pub title: Option<String>,
    /// The branch that it brings.
    pub source_branch: Option<String>,
    /// The branch that it goes into.
    pub target_branch: Option<String>,
    /// The commit that it brings.
    pub commit_sha: Option<String>,
}

/// What happened to a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestChange {
    /// It was opened, or opened again.
    Opened,
    /// It has other commits.
    Synchronized,
    /// It was closed.
    Closed {
        /// Whether it was merged.
        merged: bool,
    },
}

/// A commit id; `None` for the one of zeros, which stands for none.
pub(in crate::providers) fn commit(sha: Option<String>) -> Option<String> {
    sha.filter(|sha| !sha.is_empty() && sha.bytes().any(|byte| byte != b'0'))
}

/// A branch of a full reference; `None` for a tag.
pub(in crate::providers) fn branch(reference: &str) -> Option<String> {
    reference.strip_prefix("refs/heads/").map(str::to_owned)
}

/// A moment as providers write it: RFC 3339, GitLab's `2017-12-10 17:01:11 UTC`, or seconds.
pub(in crate::providers) fn moment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Text(String),
        Seconds(i64),
        Other(IgnoredAny),
    }
    Ok(match Told::deserialize(deserializer)? {
        Told::Text(text) => text
            .parse::<DateTime<Utc>>()
            .or_else(|_| {
                let text = text.trim_end_matches(" UTC");
                chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
                    .map(|at| at.and_utc())
            })
            .ok(),
        Told::Seconds(seconds) => DateTime::from_timestamp(seconds, 0),
        Told::Other(IgnoredAny) => None,
    })
}
