//! The application profile of a stored repository.

use crate::authz::Permit;
use crate::domain::ids::RepositoryId;
use crate::domain::profile::ApplicationProfile;
use crate::flows::{Context, Error};
use crate::store::profiles;

/// The profile of a repository of the permit's organization: a stub from the moment a sync finds it.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn profile(
    context: &Context,
    permit: &Permit,
    id: RepositoryId,
) -> Result<ApplicationProfile, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    profiles::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("repository"))
}
