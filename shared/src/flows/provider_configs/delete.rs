//! Deleting a registration: what was connected through it goes with it.
//!
//! A grant or an installation cannot be renewed without its registration, so its connections would
//! only rot. They are deleted in the same transaction, with their jobs, and count in the one entry
//! of the activity log; hooks that they have at the provider are taken away by jobs. Tokens pasted for
//! the same instance stay. The grants are not given back at the provider: that would be as many calls as
//! there are connections, and the registration itself can be deleted there, which ends them all.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, ProviderConfigId};
use crate::flows::audit::{self, Change};
use crate::flows::webhooks::prepare_removal;
use crate::flows::{Context, Error};
use crate::queue::enqueue;
use crate::store::{TenantTx, connections, counters, jobs, provider_configs, repositories};

/// Deletes a registration with the OAuth and App connections of its organization at that instance.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete(context: &Context, permit: &Permit, id: ProviderConfigId) -> Result<(), Error> {
    let organization = permit.organization();
    let mut tx = context.db.tenant(organization).await?;
    let config = provider_configs::get_for_delete(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("provider configuration"))?
        .config;
    let gone = connections::granted_for_delete(&mut *tx, config.provider, &config.base_url).await?;
    let ids: Vec<ConnectionId> = gone.iter().map(|connection| connection.id).collect();
    let now = context.clock.now();
    let removals = prepare_removal(context, permit, &mut tx, &ids).await?;
    jobs::cancel_of_connections(&mut *tx, organization, &ids, now).await?;
    connections::delete_many(&mut *tx, &ids).await?;
    forget(&mut tx, &gone).await?;
    provider_configs::delete(&mut *tx, id).await?;
    let change = Change::new(
        Event::GitProviderConfigRemoved,
        "provider_config",
        id,
        Some(&config.base_url),
    )
    .with("provider", config.provider.as_str())
    .with("connections", gone.len());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &removals).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

/// Moves the totals of lists by all of them at once.
async fn forget(tx: &mut TenantTx, gone: &[Connection]) -> Result<(), Error> {
    let organization = tx.organization();
    let count = |which: &dyn Fn(&&Connection) -> bool| {
        -i64::try_from(gone.iter().filter(which).count()).unwrap_or(i64::MAX)
    };
    let (all, active) = (count(&|_| true), count(&|c| c.is_active));
    if all == 0 {
        return Ok(());
    }
    counters::move_connections(&mut **tx, organization, all, active).await?;
    let shared = count(&|c| c.allow_org_usage);
    if shared != 0 {
        let shared_active = count(&|c| c.allow_org_usage && c.is_active);
        counters::move_shared(&mut **tx, shared, shared_active).await?;
    }
    let repositories: i32 = gone.iter().map(|c| c.repository_count).sum();
    repositories::move_total(&mut **tx, organization, -repositories).await?;
    Ok(())
}
