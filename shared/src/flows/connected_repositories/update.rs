//! Changing what scanners may do with a repository.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::ConnectedRepositoryId;
use crate::domain::repository::ConnectedRepository;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error};
use crate::store::connected_repositories;

/// What may be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Static analysis allowed.
    pub sast_enabled: Option<bool>,
    /// Dependency analysis allowed.
    pub sca_enabled: Option<bool>,
    /// The branch that scans read; `Some(None)` clears it.
    pub default_branch: Option<Option<String>>,
}

/// Changes a connected repository.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn update(
    context: &Context,
    permit: &Permit,
    id: ConnectedRepositoryId,
    changes: &Changes,
) -> Result<ConnectedRepository, Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    let before = connected_repositories::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connected repository"))?;
    let branch = changes
        .default_branch
        .as_ref()
        .map(|branch| branch.as_deref());
    let (sast, sca) = (changes.sast_enabled, changes.sca_enabled);
    connected_repositories::update(&mut *tx, id, sast, sca, branch, context.clock.now()).await?;
    let after = connected_repositories::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connected repository"))?;
    let change = Change::new(
        Event::ConnectedRepositoryUpdated,
        "connected_repository",
        id,
        Some(&before.full_name),
    )
    .with("sast_enabled", after.sast_enabled)
    .with("sca_enabled", after.sca_enabled)
    .with("default_branch", after.default_branch.clone());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(after)
}
