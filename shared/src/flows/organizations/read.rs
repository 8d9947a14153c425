//! Reading tenants.

use crate::authz::{Caller, Permit};
use crate::domain::ids::OrganizationId;
use crate::domain::organization::Organization;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::flows::{Context, Error};
use crate::store::{lookups, organizations};

/// The permit's tenant.
///
/// # Errors
/// [`Error::NotFound`] where a token claims an organization that does not exist.
pub async fn get(context: &Context, permit: &Permit) -> Result<Organization, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    organizations::get(&mut *tx, permit.organization())
        .await?
        .ok_or(Error::NotFound("organization"))
}

/// Whether there is such a tenant.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn exists(context: &Context, id: OrganizationId) -> Result<bool, Error> {
    Ok(lookups::organization_exists(&context.db.system(), id).await?)
}

/// A page of the caller's tenants, by id: those that a person belongs to, the one of an API token,
/// all of them for who runs the platform.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    caller: &Caller,
    request: &PageRequest<OrganizationId>,
) -> Result<Page<Organization>, Error> {
    let ids: Option<Vec<OrganizationId>> = match caller {
        Caller::User(user) if user.portal_admin => None,
        Caller::User(user) => Some(
            user.organizations
                .iter()
                .flat_map(|memberships| memberships.keys().copied())
                .collect(),
        ),
        Caller::ApiToken(token) if token.organization.is_platform() => None,
        Caller::ApiToken(token) => Some(vec![token.organization]),
    };
    let db = context.db.system();
    let rows = lookups::organizations(&db, ids.as_deref(), request).await?;
    let counted = lookups::count_organizations(&db, ids.as_deref()).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
