//! Reading the activity log: list, export, verify. Export and verify seal first, so that they see
//! every committed entry.

use uuid::Uuid;

use super::audit::{self, Verification};
use super::context::Context;
use super::error::Error;
use crate::authz::Permit;
use crate::domain::activity::Entry;
use crate::domain::ids::ActivityId;
use crate::domain::page::{Page, PageRequest, bounded};
use crate::store::activity as store;

pub use crate::store::activity::Filter;

/// A page of entries, newest first.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer.
pub async fn list(
    context: &Context,
    permit: &Permit,
    filter: &Filter,
    request: &PageRequest<ActivityId>,
) -> Result<Page<Entry>, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = store::list(&mut *tx, filter, request).await?;
    let counted = store::count(&mut *tx, filter).await?;
    Ok(Page::cut(request, rows, bounded(counted)))
}

/// The next batch of an export, in the order of the chain: entries after `after`, at most 1,000.
/// The first batch (`after` = 0) seals what is committed.
///
/// # Errors
/// As [`list`].
pub async fn export(context: &Context, permit: &Permit, after: i64) -> Result<Vec<Entry>, Error> {
    if after == 0 {
        audit::seal(
            &context.db,
            &context.vault,
            &context.clock,
            permit.organization(),
        )
        .await?;
    }
    let mut tx = context.db.tenant(permit.organization()).await?;
    let batch = store::sealed_after(&mut *tx, after, 1_000).await?;
    Ok(batch.into_iter().map(|stored| stored.entry).collect())
}

/// Checks the organization's chain.
///
/// # Errors
/// As [`list`].
pub async fn verify(context: &Context, permit: &Permit) -> Result<Verification, Error> {
    audit::seal(
        &context.db,
        &context.vault,
        &context.clock,
        permit.organization(),
    )
    .await?;
    let mut tx = context.db.tenant_snapshot(permit.organization()).await?;
    audit::verify(&mut tx, &context.vault).await
}

/// Narrowed to one thing: what a timeline shows.
#[must_use]
pub fn about(subject: Uuid) -> Filter {
    Filter {
        subject: Some(subject),
        ..Filter::default()
    }
}
