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
    }
}
