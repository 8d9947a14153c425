//! Who calls: a person by a user token, or a program by an API token.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::permission::PermissionSet;
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::{ApiTokenId, OrganizationId, UserId};
use crate::domain::organization::Role;
use crate::domain::text_enum::text_enum;

text_enum! {
    /// How sure the identity provider is of the person (NIST's levels, as its tokens write them).
    pub enum Assurance {
        /// One factor.
        Aal1 = "aal1",
        /// Two factors.
        Aal2 = "aal2",
    }
}

/// The organizations that a person belongs to, with the role in each.
pub type Memberships = BTreeMap<OrganizationId, Role>;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The identity provider's id of the person.
    pub id: UserId,
    /// A name to show.
    pub name: Option<String>,
    /// An address to show.
    pub email: Option<String>,
    /// Whether the person runs the platform.
    pub portal_admin: bool,
    /// How sure the sign-in was.
    pub aal: Assurance,
    /// Memberships as the token claims them; `None` where it has no such claim, and then the
    /// stored ones count: whoever reads them puts them here.
    pub organizations: Option<Memberships>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCaller {
    /// The token's id.
    pub id: ApiTokenId,
    /// The one organization it belongs to, or the platform.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it may do there.
    pub permissions: PermissionSet,
}

/// Whoever calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person.
    User(User),
    /// A program.
    ApiToken(TokenCaller),
}

impl Caller {
    /// The id that limits, idempotency keys and the log go by.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self {
            Self::User(user) => user.id.0,
            Self::ApiToken(token) => token.id.0,
        }
    }

    /// As written into the activity log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::User(user) => Actor {
                id: Some(user.id.0),
                kind: ActorType::User,
                name: user.name.clone().or_else(|| user.email.clone()),
            },
            Self::ApiToken(token) => Actor {
                id: Some(token.id.0),
                kind: ActorType::ApiToken,
                name: Some(token.name.clone()),
            },
        }
    }

    /// Whether this is a person who runs the platform.
    #[must_use]
    pub const fn is_portal_admin(&self) -> bool {
        matches!(self, Self::User(user) if user.portal_admin)
    }
}
