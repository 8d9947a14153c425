//! Repositories: as a provider tells of them, and as stored.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ids::{ConnectedRepositoryId, ConnectionId, OrganizationId, RepositoryId};
use super::provider::ProviderKind;

/// What a provider tells of a repository, in one form for all four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRepository {
    /// The provider's immutable id, as text: names are reused, ids are not.
    pub provider_repository_id: String,
    /// Last part of the full name.
    pub name: String,
    /// `owner/name`, `group/sub/name`, Azure: `organization/project/repository`.
    pub full_name: String,
    /// Where people open it.
    pub url: String,
    /// Clone over HTTPS, without user information.
    pub clone_url: String,
    /// Clone over SSH.
    pub ssh_url: Option<String>,
    /// Not readable by everybody (GitLab's `internal` counts as private).
    pub private: bool,
    /// `None` for an empty repository.
    pub default_branch: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Main language where the listing tells it.
    pub language: Option<String>,
    /// Read-only for everybody.
    pub archived: bool,
    /// Made as a fork.
    pub fork: bool,
    /// Whether this identity may push; `None` where the listing does not tell.
    pub has_write_access: Option<bool>,
    /// Size in KiB where the listing tells it.
    pub size_kb: Option<i64>,
    /// Last push (GitLab: last activity).
    pub pushed_at: Option<DateTime<Utc>>,
}

/// A stored repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Repository {
    /// Ours.
    pub id: RepositoryId,
    /// The provider's immutable id.
    pub provider_repository_id: String,
    /// The connection that sees it.
    pub connection_id: ConnectionId,
    /// The provider.
    pub provider: ProviderKind,
    /// Last part of the full name.
    pub name: String,
    /// As the provider writes it.
    pub full_name: String,
    /// Where people open it.
    pub url: String,
    /// Clone over HTTPS.
    pub clone_url: String,
    /// Clone over SSH.
    pub ssh_url: Option<String>,
    /// Not readable by everybody.
    pub private: bool,
    /// The same as `private`.
    pub is_private: bool,
    /// `null` for an empty repository.
    pub default_branch: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Main language.
    pub language: Option<String>,
    /// Read-only for everybody.
    pub archived: bool,
    /// Made as a fork.
    pub fork: bool,
    /// Whether the connection's identity may push.
    pub has_write_access: Option<bool>,
    /// Size in KiB.
    pub size_kb: Option<i64>,
    /// Last push.
    pub pushed_at: Option<DateTime<Utc>>,
    /// When a sync first saw it.
    pub first_seen_at: DateTime<Utc>,
    /// When a complete sync last saw it.
    pub last_seen_at: DateTime<Utc>,
    /// When a complete sync no longer saw it.
    pub removed_at: Option<DateTime<Utc>>,
}

/// A branch of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Branch {
    /// Its name without `refs/heads/`.
    pub name: String,
    /// Whether it is the repository's default branch.
    pub is_default: bool,
    /// Whether it is protected; `null` where the provider does not tell.
    pub is_protected: Option<bool>,
    /// The commit it points at.
    pub commit_sha: String,
}

/// A repository that scanners may touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ConnectedRepository {
    /// Its id.
    pub id: ConnectedRepositoryId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// The connection whose credential reads it.
    pub connection_id: ConnectionId,
    /// The provider.
    pub provider: ProviderKind,
    /// The provider's immutable id.
    pub provider_repository_id: String,
    /// As the provider writes it.
    pub full_name: String,
    /// Static analysis allowed.
    pub sast_enabled: bool,
    /// Dependency analysis allowed.
    pub sca_enabled: bool,
    /// The branch that scans read.
    pub default_branch: Option<String>,
    /// Last successful scan.
    pub last_scan_at: Option<DateTime<Utc>>,
    /// When it was connected.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}
