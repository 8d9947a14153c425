//! The permissions, by their stable names.

use crate::domain::text_enum::text_enum;

text_enum! {
    /// A permission inside one organization or the platform.
    pub enum Permission {
        /// See connections.
        ConnectionsList = "org.git.connections.list",
        /// Make connections.
        ConnectionsCreate = "org.git.connections.create",
        /// Change connections.
        ConnectionsUpdate = "org.git.connections.update",
        /// Delete connections.
        ConnectionsDelete = "org.git.connections.delete",
        /// Test credentials and validate connections.
        ConnectionsTest = "org.git.connections.test",
        /// Be handed credentials and leases.
        ConnectionsUse = "org.git.connections.use",
        /// Configure OAuth apps and GitHub Apps.
        ProvidersConfigure = "org.git.providers.configure",
        /// See repositories.
        RepositoriesList = "org.git.repositories.list",
        /// Connected repositories, sync, environments, backups.
        RepositoriesManage = "org.git.repositories.manage",
        /// See the activity log.
        ActivityList = "org.activity.list",
        /// See jobs.
        JobsList = "org.jobs.list",
        /// Manage members.
        MembersManage = "org.members.manage",
        /// Manage API tokens.
        TokensManage = "org.tokens.manage",
    }
}
