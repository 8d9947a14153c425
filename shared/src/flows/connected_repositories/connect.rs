//! Connecting a repository: found among the synced ones, else asked of the provider.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::{ConnectedRepositoryId, ConnectionId};
use crate::domain::repository::ConnectedRepository;
use crate::flows::audit::{self, Change};
use crate::flows::connections::find;
use crate::flows::repositories::locate;
use crate::flows::{Context, Error, webhooks};
use crate::queue::{Enqueued, enqueue};
use crate::store::{StoreError, TenantTx, connected_repositories};

/// What a caller gives to connect a repository.
#[derive(Clone, Debug)]
pub struct NewConnectedRepository {
    /// The connection whose credential reads it.
    pub connection_id: ConnectionId,
    /// As the provider writes it.
    pub full_name: String,
    /// Static analysis allowed.
    pub sast_enabled: bool,
    /// Dependency analysis allowed.
    pub sca_enabled: bool,
    /// The branch that scans read; the repository's default where absent.
    pub default_branch: Option<String>,
}

/// Connects a repository.
///
/// # Errors
/// [`Error::Invalid`] where the connection or the repository is not there for this organization;
/// [`Error::Conflict`] `already_connected`.
pub async fn connect(
    context: &Context,
    permit: &Permit,
    new: &NewConnectedRepository,
) -> Result<ConnectedRepository, Error> {
    let connection = match find(context, permit, new.connection_id).await {
        Err(Error::NotFound(_)) => {
            return Err(Error::field(
                "connection_id",
                "not_found",
                "There is no such connection. List the connections and choose one.",
            ));
        }
        other => other?,
    };
    let full_name = new.full_name.trim();
    if full_name.is_empty() {
        return Err(Error::field(
            "full_name",
            "required",
            "Name the repository: owner/name.",
        ));
    }
    let found = locate(context, &connection, ("full_name", full_name)).await?;
    let now = context.clock.now();
    let connected = ConnectedRepository {
        id: ConnectedRepositoryId::new(now),
        organization_id: permit.organization(),
        connection_id: connection.id,
        provider: connection.provider,
        provider_repository_id: found.provider_repository_id,
        full_name: found.full_name,
        sast_enabled: new.sast_enabled,
        sca_enabled: new.sca_enabled,
        default_branch: new.default_branch.clone().or(found.default_branch),
        last_scan_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = context.db.tenant(permit.organization()).await?;
    let owner = connection.organization_id;
    match connected_repositories::insert(&mut *tx, &connected, owner, permit.user()).await {
        Err(StoreError::Conflict { .. }) => {
            return Err(Error::Conflict {
                code: "already_connected",
                message: format!("{} is connected already.", connected.full_name),
            });
        }
        other => other?,
    }
    let change = Change::new(
        Event::ConnectedRepositoryCreated,
        "connected_repository",
        connected.id,
        Some(&connected.full_name),
    )
    .with("connection_id", connection.id.to_string())
    .with("sast_enabled", connected.sast_enabled)
    .with("sca_enabled", connected.sca_enabled);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = register(context, permit, &mut tx, connection.id).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(connected)
}

/// The job that brings the connection's hooks at the provider in line, where they are registered.
pub(super) async fn register(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    connection: ConnectionId,
) -> Result<Vec<Enqueued>, Error> {
    let job = webhooks::job_where_registered(context, permit, tx, connection).await?;
    let jobs: Vec<_> = job.into_iter().collect();
    Ok(enqueue(tx, &jobs).await?)
}
