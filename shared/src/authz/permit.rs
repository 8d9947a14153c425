//! The proof that a caller may do something to a tenant.

use crate::authz::Permission;
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::{OrganizationId, UserId};

/// What is known of the request behind a permit, for the activity log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The request's id.
    pub request_id: Option<String>,
    /// The caller's address.
    pub ip: Option<String>,
}

/// The proof that `actor` may exercise `permission` in `organization`.
///
/// Its fields are private: only this module makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    organization: OrganizationId,
    actor: Actor,
    permission: Permission,
    request: RequestInfo,
}

impl Permit {
    /// Made by the check of a caller.
    pub(super) fn grant(
        organization: OrganizationId,
        actor: Actor,
        permission: Permission,
        request: RequestInfo,
    ) -> Self {
        Self {
            organization,
            actor,
            permission,
            request,
        }
    }

    /// For a job: what it may do was decided when it was enqueued, in its tenant's name.
    #[must_use]
    pub fn for_job(organization: OrganizationId, actor: Actor, permission: Permission) -> Self {
        Self::grant(organization, actor, permission, RequestInfo::default())
    }

    /// The tenant.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What was checked.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// The request behind it.
    #[must_use]
    pub fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// The person, where a person acts.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self.actor.kind {
            ActorType::User => self.actor.id.map(UserId),
            _ => None,
        }
    }
}
