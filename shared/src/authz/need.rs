//! What a call needs of its caller.

use super::permission::Permission;

/// What a call needs, inside the organization that its path names (or on the platform).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To belong there, whatever the role.
    Membership,
    /// A permission of the table.
    Permission(Permission),
    /// To be a person who owns it: ends the organization, so no API token and no admin will do.
    Ownership,
    /// To run the platform.
    PortalAdmin,
}

impl Need {
    /// The word that a refusal names.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Permission(permission) => permission.as_str(),
            Self::Ownership => "owner",
            Self::PortalAdmin => "portal_admin",
        }
    }
}

impl From<Permission> for Need {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}
