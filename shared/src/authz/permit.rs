//! The proof that a check was made.

use super::caller::{Assurance, Caller};
use super::need::Need;
use super::permission::{Permission, PermissionSet};
use super::refusal::Denied;
use super::roles::{PORTAL_ADMIN, held_by};
use crate::domain::actor::{Actor, ActorType};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::organization::Role;

/// What is known of the request behind a permit, for the activity log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The request's id, for correlation.
    pub request_id: Option<String>,
    /// The caller's address.
    pub ip: Option<String>,
}

/// The call that a permit is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallContext {
    /// The request.
    pub request: RequestInfo,
    /// Whether the call changes anything.
    pub changes: bool,
    /// Whether changes need a second factor here (`MOORING_REQUIRE_AAL2`).
    pub require_aal2: bool,
}

/// What somebody may do, where, and who that is. Only [`require`], [`Permit::for_job`] and
/// [`Permit::for_flow`] make one.
#[derive(Clone, Debug)]
pub struct Permit {
    organization: OrganizationId,
    actor: Actor,
    need: Need,
    held: PermissionSet,
    owner: bool,
    portal_admin: bool,
    request: RequestInfo,
}

impl Permit {
    /// For a job: what it may do was decided when it was enqueued, in its tenant's name.
    #[must_use]
    pub fn for_job(organization: OrganizationId, actor: Actor, permission: Permission) -> Self {
        Self {
            organization,
            actor,
            need: Need::Permission(permission),
            held: PermissionSet::of(&[permission]),
            owner: false,
            portal_admin: false,
            request: RequestInfo::default(),
        }
    }

    /// For a browser that comes back to a flow without a credential: what it may do was decided
    /// when somebody began the flow, in whose name it goes on.
    #[must_use]
    pub fn for_flow(
        organization: OrganizationId,
        actor: Actor,
        permission: Permission,
        request: RequestInfo,
    ) -> Self {
        Self {
            request,
            ..Self::for_job(organization, actor, permission)
        }
    }

    /// The tenant, or the platform.
    #[must_use]
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The person who acts; `None` for programs and the system.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self.actor.kind {
            ActorType::User => self.actor.id.map(UserId),
            ActorType::ApiToken | ActorType::System | ActorType::Provider => None,
        }
    }

    /// Whether a permission is held here: for what goes beyond the one that the call needed, such
    /// as giving permissions on.
    #[must_use]
    pub const fn holds(&self, permission: Permission) -> bool {
        self.held.holds(permission)
    }

    /// Whether the actor is a person who owns the organization.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.owner
    }

    /// Whether the actor runs the platform.
    #[must_use]
    pub const fn is_portal_admin(&self) -> bool {
        self.portal_admin
    }

    /// What was checked, where it is a permission of the table.
    #[must_use]
    pub const fn permission(&self) -> Option<Permission> {
        match self.need {
            Need::Permission(permission) => Some(permission),
            Need::Membership | Need::Ownership | Need::PortalAdmin => None,
        }
    }

    /// The request behind it.
    #[must_use]
    pub const fn request(&self) -> &RequestInfo {
        &self.request
    }
}

/// What a caller is inside one organization.
struct Standing {
    held: PermissionSet,
    owner: bool,
    portal_admin: bool,
}

/// The check: may this caller do this there?
///
/// # Errors
/// [`Denied::NotFound`] for another tenant, [`Denied::Lacks`] inside the own one and for the
/// platform, [`Denied::Assurance`] where a change needs a second factor.
pub fn require(
    caller: &Caller,
    organization: OrganizationId,
    need: Need,
    call: &CallContext,
) -> Result<Permit, Denied> {
    let standing = match standing(caller, organization) {
        Some(standing) => standing,
        // The platform is no secret: whoever asks is told what is missing.
        None if organization.is_platform() => return Err(Denied::Lacks(Need::PortalAdmin)),
        None => return Err(Denied::NotFound),
    };
    let granted = match need {
        Need::Membership => true,
        Need::Permission(permission) => standing.held.holds(permission),
        Need::Ownership => standing.owner || standing.portal_admin,
        Need::PortalAdmin => standing.portal_admin,
    };
    if !granted {
        return Err(Denied::Lacks(need));
    }
    require_assurance(caller, call)?;
    Ok(Permit {
        organization,
        actor: caller.actor(),
        need,
        held: standing.held,
        owner: standing.owner,
        portal_admin: standing.portal_admin,
        request: call.request.clone(),
    })
}

/// The check of calls that no organization owns (a list of one's own organizations).
///
/// # Errors
/// [`Denied::Assurance`] where a change needs a second factor.
pub fn require_signed_in(caller: &Caller, call: &CallContext) -> Result<(), Denied> {
    require_assurance(caller, call)
}

/// API tokens have no second factor; a person with one made them.
fn require_assurance(caller: &Caller, call: &CallContext) -> Result<(), Denied> {
    match caller {
        Caller::User(user) if call.changes && call.require_aal2 && user.aal != Assurance::Aal2 => {
            Err(Denied::Assurance)
        }
        Caller::User(_) | Caller::ApiToken(_) => Ok(()),
    }
}

fn standing(caller: &Caller, organization: OrganizationId) -> Option<Standing> {
    match caller {
        Caller::User(user) if user.portal_admin => Some(Standing {
            held: PORTAL_ADMIN,
            owner: false,
            portal_admin: true,
        }),
        // A membership in the platform's own row is no way onto the platform.
        Caller::User(_) if organization.is_platform() => None,
        Caller::User(user) => {
            let role = *user.organizations.as_ref()?.get(&organization)?;
            Some(Standing {
                held: held_by(role),
                owner: role == Role::Owner,
                portal_admin: false,
            })
        }
        Caller::ApiToken(token) => (token.organization == organization).then_some(Standing {
            held: token.permissions,
            owner: false,
            portal_admin: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::authz::{Memberships, TokenCaller, User};
    use crate::domain::ids::ApiTokenId;

    fn organization(n: u128) -> OrganizationId {
        OrganizationId(uuid::Uuid::from_u128(n))
    }

    fn user(portal_admin: bool, roles: &[(u128, Role)]) -> Caller {
        Caller::User(User {
            id: UserId(uuid::Uuid::from_u128(7)),
            name: Some("Ada".to_owned()),
            email: None,
            portal_admin,
            aal: Assurance::Aal1,
            organizations: Some(
                roles
                    .iter()
                    .map(|(n, role)| (organization(*n), *role))
                    .collect::<Memberships>(),
            ),
        })
    }

    fn token(at: OrganizationId, permissions: &[Permission]) -> Caller {
        Caller::ApiToken(TokenCaller {
            id: ApiTokenId::new(DateTime::UNIX_EPOCH),
            organization: at,
            name: "ci".to_owned(),
            permissions: PermissionSet::of(permissions),
        })
    }

    const LIST: Need = Need::Permission(Permission::ConnectionsList);
    const CREATE: Need = Need::Permission(Permission::ConnectionsCreate);

    #[test]
    fn another_tenant_does_not_exist() {
        let call = CallContext::default();
        for caller in [
            user(false, &[(1, Role::Owner)]),
            token(organization(1), Permission::ALL),
        ] {
            for need in [
                LIST,
                CREATE,
                Need::Membership,
                Need::Ownership,
                Need::PortalAdmin,
            ] {
                let denied = require(&caller, organization(2), need, &call).unwrap_err();
                assert_eq!(denied, Denied::NotFound);
            }
        }
    }

    #[test]
    fn inside_ones_own_tenant_the_missing_permission_is_named() {
        let call = CallContext::default();
        let viewer = user(false, &[(1, Role::Viewer)]);
        assert!(require(&viewer, organization(1), LIST, &call).is_ok());
        let denied = require(&viewer, organization(1), CREATE, &call).unwrap_err();
        assert_eq!(denied, Denied::Lacks(CREATE));
        assert!(denied.to_string().contains("org.git.connections.create"));
        let narrow = token(organization(1), &[Permission::JobsList]);
        assert!(require(&narrow, organization(1), LIST, &call).is_err());
    }

    #[test]
    fn the_platform_needs_portal_admin() {
        let call = CallContext::default();
        let platform = OrganizationId::PLATFORM;
        let claimed = user(false, &[(platform.0.as_u128(), Role::Owner)]);
        let denied = require(&claimed, platform, LIST, &call).unwrap_err();
        assert_eq!(denied, Denied::Lacks(Need::PortalAdmin));
        assert!(require(&user(true, &[]), platform, LIST, &call).is_ok());
        assert!(require(&user(true, &[]), organization(9), CREATE, &call).is_ok());
        assert!(
            require(
                &token(platform, &[Permission::ConnectionsList]),
                platform,
                LIST,
                &call
            )
            .is_ok()
        );
        assert!(
            require(
                &token(platform, Permission::ALL),
                organization(9),
                LIST,
                &call
            )
            .is_err()
        );
    }

    #[test]
    fn changes_need_a_second_factor_where_configured() {
        let caller = user(false, &[(1, Role::Owner)]);
        let mut call = CallContext {
            changes: true,
            require_aal2: true,
            ..CallContext::default()
        };
        let denied = require(&caller, organization(1), CREATE, &call).unwrap_err();
        assert_eq!(denied, Denied::Assurance);
        call.changes = false;
        assert!(require(&caller, organization(1), LIST, &call).is_ok());
        call.changes = true;
        let program = token(organization(1), &[Permission::ConnectionsCreate]);
        assert!(require(&program, organization(1), CREATE, &call).is_ok());
    }

    #[test]
    fn only_a_person_who_owns_it_ends_an_organization() {
        let call = CallContext::default();
        let ends =
            |caller: &Caller| require(caller, organization(1), Need::Ownership, &call).is_ok();
        assert!(ends(&user(false, &[(1, Role::Owner)])));
        assert!(ends(&user(true, &[])));
        assert!(!ends(&user(false, &[(1, Role::Admin)])));
        assert!(!ends(&token(organization(1), Permission::ALL)));
    }
}
