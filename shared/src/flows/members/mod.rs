//! Members: who belongs to an organization, and as what.

mod put;
mod read;
mod remove;

pub use put::{NewMember, put};
pub use read::{get, list};
pub use remove::remove;

use super::Error;
use crate::authz::{Permit, held_by};
use crate::domain::ids::UserId;
use crate::domain::organization::Role;

/// Nobody gives or takes a role that holds more than they do themselves; owners are made and
/// unmade by owners (and by who runs the platform).
fn may_handle(permit: &Permit, role: Role) -> Result<(), Error> {
    if role == Role::Owner && !permit.is_owner() && !permit.is_portal_admin() {
        return Err(Error::Forbidden {
            code: "permission_denied",
            message: "Only an owner of the organization may make or unmake owners.".to_owned(),
        });
    }
    match held_by(role).iter().find(|held| !permit.holds(*held)) {
        Some(lacking) => Err(Error::PermissionDenied(lacking)),
        None => Ok(()),
    }
}

/// An organization keeps an owner.
fn keeps_an_owner(owners: &[UserId], leaving: UserId) -> Result<(), Error> {
    if owners == [leaving] {
        return Err(Error::Conflict {
            code: "last_owner",
            message: "This is the last owner. Make somebody else an owner first.".to_owned(),
        });
    }
    Ok(())
}
