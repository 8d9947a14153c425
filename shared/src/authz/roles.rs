//! What each role holds: the table.

use super::permission::Permission::{
    ActivityList, ConnectionsCreate, ConnectionsDelete, ConnectionsList, ConnectionsTest,
    ConnectionsUpdate, ConnectionsUse, JobsList, MembersManage, ProvidersConfigure,
    RepositoriesList, RepositoriesManage, TokensManage,
};
use super::permission::PermissionSet;
use crate::domain::organization::Role;

const OWNER: PermissionSet = PermissionSet::of(&[
    ConnectionsList,
    ConnectionsCreate,
    ConnectionsUpdate,
    ConnectionsDelete,
    ConnectionsTest,
    ConnectionsUse,
    ProvidersConfigure,
    RepositoriesList,
    RepositoriesManage,
    ActivityList,
    JobsList,
    MembersManage,
    TokensManage,
]);

const ADMIN: PermissionSet = OWNER;

const MEMBER: PermissionSet = PermissionSet::of(&[
    ConnectionsList,
    RepositoriesList,
    RepositoriesManage,
    ActivityList,
    JobsList,
]);

const VIEWER: PermissionSet =
    PermissionSet::of(&[ConnectionsList, RepositoriesList, ActivityList, JobsList]);

const BILLING: PermissionSet = PermissionSet::NONE;

/// What a portal administrator holds, in every organization and on the platform.
pub const PORTAL_ADMIN: PermissionSet = OWNER;

/// What a role holds.
#[must_use]
pub const fn held_by(role: Role) -> PermissionSet {
    match role {
        Role::Owner => OWNER,
        Role::Admin => ADMIN,
        Role::Member => MEMBER,
        Role::Viewer => VIEWER,
        Role::Billing => BILLING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Permission;

    /// The published table, row by row: owner, admin, member, viewer, billing, portal_admin.
    const TABLE: &[(&str, [bool; 6])] = &[
        (
            "org.git.connections.list",
            [true, true, true, true, false, true],
        ),
        (
            "org.git.connections.create",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.connections.update",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.connections.delete",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.connections.test",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.connections.use",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.providers.configure",
            [true, true, false, false, false, true],
        ),
        (
            "org.git.repositories.list",
            [true, true, true, true, false, true],
        ),
        (
            "org.git.repositories.manage",
            [true, true, true, false, false, true],
        ),
        ("org.activity.list", [true, true, true, true, false, true]),
        ("org.jobs.list", [true, true, true, true, false, true]),
        (
            "org.members.manage",
            [true, true, false, false, false, true],
        ),
        ("org.tokens.manage", [true, true, false, false, false, true]),
    ];

    #[test]
    fn the_table_is_as_published() {
        assert_eq!(TABLE.len(), Permission::ALL.len());
        for (word, row) in TABLE {
            let permission: Permission = word.parse().unwrap();
            let held = [
                held_by(Role::Owner),
                held_by(Role::Admin),
                held_by(Role::Member),
                held_by(Role::Viewer),
                held_by(Role::Billing),
                PORTAL_ADMIN,
            ]
            .map(|set| set.holds(permission));
            assert_eq!(held, *row, "{word}");
        }
    }
}
