//! Everything synced, by name.

use crate::authz::Permit;
use crate::domain::page::{MAX_COUNT, Page, PageRequest, Start};
use crate::domain::repository::Repository;
use crate::flows::{Context, Error};
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
    let (after, offset) = match &request.start {
        Start::Offset(offset) => (None, i64::try_from(*offset).unwrap_or(i64::MAX)),
        Start::After(key) => (Some(key), 0),
        Start::Before(_) => (None, 0),
    };
    let mut tx = context.db.tenant(permit.organization()).await?;
    let limit = i64::from(request.per_page) + 1;
    let mut items = repositories::list(&mut *tx, filter, after, offset, limit).await?;
    let total = if filter.is_counted() {
        Some(repositories::counted(&mut *tx, filter.connection).await?)
    } else {
        Some(repositories::count(&mut *tx, filter).await?).filter(|count| *count <= MAX_COUNT)
    };
    let has_next = items.len() > request.per_page as usize;
    items.truncate(request.per_page as usize);
    Ok(Page {
        items,
        total,
        has_next,
        has_prev: after.is_some() || offset > 0,
    })
}
