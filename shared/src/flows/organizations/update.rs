//! Changing a tenant's name and slug.

use super::{slug, slug_taken};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::organization::Organization;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, name};
use crate::store::{StoreError, organizations};

/// What may be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// 1–100 characters after trimming.
    pub name: Option<String>,
    /// `Some(None)` clears it.
    pub slug: Option<Option<String>>,
}

/// Changes the permit's tenant.
///
/// # Errors
/// [`Error::Conflict`] `slug_taken`; [`Error::Invalid`]; [`Error::NotFound`].
pub async fn update(
    context: &Context,
    permit: &Permit,
    changes: &Changes,
) -> Result<Organization, Error> {
    let mut faults = Vec::new();
    let name = changes
        .name
        .as_deref()
        .map(|name| name::check(name, "organization", &mut faults));
    let slug = changes.slug.as_ref().map(|slug| slug.as_deref());
    if let Some(Some(slug)) = slug {
        slug::check(slug, &mut faults);
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    let id = permit.organization();
    let mut tx = context.db.tenant(id).await?;
    match organizations::update(&mut *tx, id, name.as_deref(), slug, context.clock.now()).await {
        Err(StoreError::Conflict { .. }) => return Err(slug_taken()),
        other => other?,
    }
    let after = organizations::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("organization"))?;
    let mut changed = Vec::new();
    changed.extend(name.is_some().then_some("name"));
    changed.extend(slug.is_some().then_some("slug"));
    let change = Change::new(
        Event::OrganizationUpdated,
        "organization",
        id,
        Some(&after.name),
    )
    .with("changed_fields", changed);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(after)
}
