//! Everything synced, by name.

use crate::authz::Permit;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::domain::repository::Repository;
use crate::flows::{Context, Error};
use crate::store::TenantTx;
use crate::store::repositories::{self, Filter, Key};

/// A page of stored repositories in the order of their full names. The unfiltered total comes from
/// the connections' counters; any filter counts up to 10,000.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    filter: &Filter,
    request: &PageRequest<Key>,
) -> Result<Page<Repository>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    stored(&mut tx, filter, request).await
}

/// A page with its total, within a tenant.
pub(super) async fn stored(
    tx: &mut TenantTx,
    filter: &Filter,
    request: &PageRequest<Key>,
) -> Result<Page<Repository>, Error> {
    let rows = repositories::list(&mut **tx, filter, request).await?;
    let total = if filter.is_counted() {
        Some(repositories::counted(&mut **tx, filter.connection).await?)
    } else {
        // A word that few names have is looked for in all of them: once, where the page has them all.
        bounded(match request.total_of(rows.len()) {
            Some(total) => total,
            None => repositories::count(&mut **tx, filter).await?,
        })
    };
    Ok(Page::cut(request, rows, total))
}
