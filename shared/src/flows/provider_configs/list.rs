//! The list of registrations, without their secrets.

use crate::authz::Permit;
use crate::domain::ids::ProviderConfigId;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::domain::provider_config::ProviderConfig;
use crate::flows::{Context, Error};
use crate::store::provider_configs;

/// A page of registrations, newest first.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    request: &PageRequest<ProviderConfigId>,
) -> Result<Page<ProviderConfig>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = provider_configs::list(&mut *tx, request).await?;
    let counted = provider_configs::count(&mut *tx).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}
