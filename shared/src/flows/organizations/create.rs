//! A new tenant. Its log begins with its own making.

use uuid::Uuid;

use super::{slug, slug_taken};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::OrganizationId;
use crate::domain::organization::Organization;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, FieldError, name};
use crate::store::{StoreError, activity, organizations};

/// What a caller gives to make a tenant.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// The platform's own id of it; one of ours where absent.
    pub id: Option<Uuid>,
    /// 1–100 characters after trimming.
    pub name: String,
    /// A short name for URLs.
    pub slug: Option<String>,
}

/// Makes a tenant. The permit is the platform's.
///
/// # Errors
/// [`Error::Conflict`] `organization_exists` where the id is taken or was once used,
/// `slug_taken`; [`Error::Invalid`].
pub async fn create(
    context: &Context,
    permit: &Permit,
    new: &NewOrganization,
) -> Result<Organization, Error> {
    let mut faults = Vec::new();
    let name = name::check(&new.name, "organization", &mut faults);
    if let Some(slug) = &new.slug {
        slug::check(slug, &mut faults);
    }
    if new.id.is_some_and(|id| id.is_nil() || id.is_max()) {
        faults.push(FieldError::new(
            "id",
            "invalid_value",
            "Give an id of your own, or leave it out to get one.",
        ));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    let now = context.clock.now();
    let organization = Organization {
        id: new
            .id
            .map_or_else(|| OrganizationId::new(now), OrganizationId),
        name,
        slug: new.slug.clone(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = context.db.tenant(OrganizationId::PLATFORM).await?;
    // The archive keeps one chain per id.
    if new.id.is_some() && activity::is_archived(&mut *tx, organization.id).await? {
        return Err(id_taken());
    }
    tx.switch(organization.id).await?;
    match organizations::insert(&mut *tx, &organization).await {
        Err(StoreError::Conflict { constraint }) if constraint.contains("slug") => {
            return Err(slug_taken());
        }
        Err(StoreError::Conflict { .. }) => return Err(id_taken()),
        other => other?,
    }
    let change = Change::new(
        Event::OrganizationCreated,
        "organization",
        organization.id,
        Some(&organization.name),
    );
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(organization)
}

fn id_taken() -> Error {
    Error::Conflict {
        code: "organization_exists",
        message: "This id is taken, or belonged to an organization that was deleted. Use another id, or leave it out to get one.".to_owned(),
    }
}
