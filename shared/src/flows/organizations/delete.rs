//! The end of a tenant: everything of it goes, except its log.
//!
//! Its chain is sealed to the last entry (which tells of the end), moved whole to the platform's
//! archive, and then what hangs on the tenant is deleted, all in one transaction. A change that is
//! under way in that tenant meanwhile finds its foreign key gone and rolls back. Hooks that it has at
//! providers are taken away by jobs of the platform.
//!
//! Races: *a page of a sync, or a deletion of a connection* → both lock the connection before all
//! else, and so does this, so that none of them waits for another in a circle.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::OrganizationId;
use crate::flows::audit::{self, Change};
use crate::flows::webhooks::bequeath_removals;
use crate::flows::{Context, Error};
use crate::queue::enqueue;
use crate::store::{activity, connections, jobs, organizations};

/// Entries moved in one statement.
const BATCH: i64 = 1_000;

/// Deletes the permit's tenant.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for the platform itself; [`Error::Conflict`]
/// `organization_busy` where something was written into it at the same moment.
pub async fn delete(context: &Context, permit: &Permit) -> Result<(), Error> {
    let id = permit.organization();
    if id.is_platform() {
        return Err(Error::Forbidden {
            code: "platform_stays",
            message: "The platform cannot be deleted.".to_owned(),
        });
    }
    let mut tx = context.db.tenant(id).await?;
    let gone = organizations::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("organization"))?;
    connections::lock_all(&mut *tx).await?;
    let ended = || {
        Change::new(
            Event::OrganizationDeleted,
            "organization",
            id,
            Some(&gone.name),
        )
    };
    audit::record(&mut tx, &context.vault, &context.clock, permit, ended()).await?;
    while audit::seal_batch(&mut tx, &context.vault, &context.clock).await? > 0 {}

    let mut moved = 0;
    loop {
        let batch = activity::sealed_after(&mut *tx, moved, BATCH).await?;
        let Some(last) = batch.last().and_then(|stored| stored.entry.sequence) else {
            break;
        };
        tx.switch(OrganizationId::PLATFORM).await?;
        activity::archive(&mut *tx, id, &batch, context.clock.now()).await?;
        tx.switch(id).await?;
        moved = last;
    }
    activity::delete_chain(&mut tx, id).await?;
    jobs::end_of_organization(&mut tx, id).await?;
    let removals = bequeath_removals(context, permit, &mut tx).await?;
    match organizations::delete(&mut *tx, id).await {
        Err(crate::store::StoreError::Missing { .. }) => {
            return Err(Error::Conflict {
                code: "organization_busy",
                message: "Something was written into this organization just now. Repeat the call."
                    .to_owned(),
            });
        }
        other => other?,
    };
    tx.switch(OrganizationId::PLATFORM).await?;
    let change = ended().with("archived_entries", moved);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &removals).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}
