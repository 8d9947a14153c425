//! Reading members.

use crate::authz::Permit;
use crate::domain::ids::UserId;
use crate::domain::organization::Member;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::flows::{Context, Error};
use crate::store::members;

/// One member of the permit's organization.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(context: &Context, permit: &Permit, user: UserId) -> Result<Member, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    members::get(&mut *tx, user)
        .await?
        .ok_or(Error::NotFound("member"))
}

/// A page of members, by user id.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    request: &PageRequest<UserId>,
) -> Result<Page<Member>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = members::list(&mut *tx, request).await?;
    let counted = members::count(&mut *tx).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
