//! What is told outside.

use super::text_enum::text_enum;

text_enum! {
    /// What happened, for whoever follows it from outside.
    pub enum EventType {
        /// A sync found a repository, or found one again.
        RepositoryAdded = "repository.added",
        /// A repository was renamed, moved, archived, …
        RepositoryUpdated = "repository.updated",
        /// A complete sync no longer found a repository.
        RepositoryRemoved = "repository.removed",
        /// A sync went through.
        SyncCompleted = "sync.completed",
        /// A connected repository's branch moved.
        BranchSynchronized = "branch.synchronized",
        /// The branch that a connected repository is read from moved.
        DeploymentRequested = "deployment.requested",
        /// A pull request into a connected repository was opened, or has other commits.
        PreviewRequested = "preview.requested",
        /// A pull request into a connected repository was merged or closed.
        PreviewClosed = "preview.closed",
    }
}
