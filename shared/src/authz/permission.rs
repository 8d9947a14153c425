//! The permissions, by the exact words that callers, tokens and answers use.

use crate::domain::text_enum::text_enum;

text_enum! {
    /// Something that one may be allowed to do inside an organization (or the platform).
    pub enum Permission {
        /// See connections.
        ConnectionsList = "org.git.connections.list",
        /// Make a connection.
        ConnectionsCreate = "org.git.connections.create",
        /// Change a connection.
        ConnectionsUpdate = "org.git.connections.update",
        /// Delete a connection.
        ConnectionsDelete = "org.git.connections.delete",
        /// Test and validate a connection.
        ConnectionsTest = "org.git.connections.test",
        /// Get Git credentials out of a connection.
        ConnectionsUse = "org.git.connections.use",
        /// Configure OAuth apps and GitHub Apps.
        ProvidersConfigure = "org.git.providers.configure",
        /// See repositories and branches.
        RepositoriesList = "org.git.repositories.list",
        /// Connected repositories, syncs, environments, backups.
        RepositoriesManage = "org.git.repositories.manage",
        /// Read the activity log.
        ActivityList = "org.activity.list",
        /// See jobs.
        JobsList = "org.jobs.list",
        /// Members.
        MembersManage = "org.members.manage",
        /// API tokens.
        TokensManage = "org.tokens.manage",
    }
}

/// A set of permissions: one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// Exactly these.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < permissions.len() {
            bits |= bit(permissions[at]);
            at += 1;
        }
        Self(bits)
    }

    /// The known ones among these words. A word that this version does not know gives nothing.
    #[must_use]
    pub fn from_words(words: &[String]) -> Self {
        Self(
            words
                .iter()
                .filter_map(|word| word.parse::<Permission>().ok())
                .fold(0, |bits, permission| bits | bit(permission)),
        )
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn holds(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// In the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.holds(*permission))
    }
}

const fn bit(permission: Permission) -> u32 {
    1 << permission as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let set = PermissionSet::of(&[Permission::JobsList, Permission::TokensManage]);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Permission::JobsList, Permission::TokensManage]
        );
        assert_eq!(PermissionSet::ALL.iter().count(), Permission::ALL.len());
        assert_eq!(PermissionSet::NONE.iter().count(), 0);
    }

    #[test]
    fn unknown_words_give_nothing() {
        let words = ["org.jobs.list".to_owned(), "org.everything".to_owned()];
        assert_eq!(
            PermissionSet::from_words(&words),
            PermissionSet::of(&[Permission::JobsList])
        );
    }
}
