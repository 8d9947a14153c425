//! Adding a member, or changing its role, name and address.

use super::{keeps_an_owner, may_handle};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::UserId;
use crate::domain::organization::{Member, Role};
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, FieldError};
use crate::store::{StoreError, members};

/// What a caller gives of a member.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// The role.
    pub role: Role,
    /// A name to show; `None` keeps the one that is known.
    pub name: Option<String>,
    /// An address to show; `None` keeps the one that is known.
    pub email: Option<String>,
}

/// Adds or changes a member; `true` where it is new.
///
/// # Errors
/// [`Error::PermissionDenied`] and [`Error::Forbidden`] for a role that holds more than the
/// caller; [`Error::Conflict`] `last_owner`; [`Error::Invalid`]; [`Error::NotFound`] where the
/// organization is gone.
pub async fn put(
    context: &Context,
    permit: &Permit,
    user: UserId,
    new: &NewMember,
) -> Result<(Member, bool), Error> {
    check(new)?;
    may_handle(permit, new.role)?;
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let owners = members::lock_owners(&mut *tx).await?;
    let before = members::get(&mut *tx, user).await?;
    if let Some(before) = &before {
        may_handle(permit, before.role)?;
        if before.role == Role::Owner && new.role != Role::Owner {
            keeps_an_owner(&owners, user)?;
        }
    }
    let (name, email) = (trimmed(new.name.as_ref()), trimmed(new.email.as_ref()));
    let organization = permit.organization();
    match members::put(&mut *tx, organization, user, new.role, name, email, now).await {
        Err(StoreError::Missing { .. }) => return Err(Error::NotFound("organization")),
        other => other?,
    };
    let after = members::get(&mut *tx, user)
        .await?
        .ok_or(Error::NotFound("member"))?;
    let event = if before.is_none() {
        Event::MemberAdded
    } else {
        Event::MemberUpdated
    };
    let mut change =
        Change::new(event, "member", user, after.name.as_deref()).with("role", after.role.as_str());
    if let Some(before) = &before {
        change = change.with("previous_role", before.role.as_str());
    }
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok((after, before.is_none()))
}

fn trimmed(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn check(new: &NewMember) -> Result<(), Error> {
    let mut faults = Vec::new();
    let mut bounded = |field: &str, text: Option<&String>, most: usize| {
        let Some(text) = trimmed(text) else { return };
        if text.chars().count() > most {
            faults.push(FieldError::new(
                field,
                "too_long",
                format!("Use at most {most} characters."),
            ));
        } else if text.chars().any(char::is_control) {
            faults.push(FieldError::new(
                field,
                "invalid_characters",
                "Use one line without control characters.",
            ));
        }
    };
    bounded("name", new.name.as_ref(), 200);
    bounded("email", new.email.as_ref(), 320);
    if trimmed(new.email.as_ref()).is_some_and(|email| !email.contains('@')) {
        faults.push(FieldError::new(
            "email",
            "invalid_email",
            "An e-mail address has an @.",
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(faults))
    }
}
