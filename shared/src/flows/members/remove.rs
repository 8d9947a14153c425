//! Removing a member.

use super::{keeps_an_owner, may_handle};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::UserId;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::members;

/// Removes a member from the permit's organization.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `last_owner`; [`Error::PermissionDenied`] and
/// [`Error::Forbidden`] for a role that holds more than the caller.
pub async fn remove(context: &Context, permit: &Permit, user: UserId) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let owners = members::lock_owners(&mut *tx).await?;
    let before = members::get(&mut *tx, user)
        .await?
        .ok_or(Error::NotFound("member"))?;
    may_handle(permit, before.role)?;
    keeps_an_owner(&owners, user)?;
    members::delete(&mut *tx, user).await?;
    let change = Change::new(Event::MemberRemoved, "member", user, before.name.as_deref())
        .with("role", before.role.as_str());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(())
}
