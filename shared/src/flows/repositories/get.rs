//! One stored repository, removed ones too.

use crate::authz::Permit;
use crate::domain::ids::RepositoryId;
use crate::domain::repository::Repository;
use crate::flows::{Context, Error};
use crate::store::repositories;

/// A stored repository of the permit's organization.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(
    context: &Context,
    permit: &Permit,
    id: RepositoryId,
) -> Result<Repository, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    repositories::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("repository"))
}
