//! Hooks of a connection that was deleted, taken away at the provider.
//!
//! The deletion copies the credential, sealed as it was, and the list of hooks into a row of its own, and
//! enqueues the job, in its own transaction: nobody waits for a provider, and nothing is left to a credential
//! that is gone. The row goes with the last hook, when the provider refuses the credential, when the job has
//! tried for the last time, or after a day. A token that somebody renews is used for as long as it lasts, and
//! renewed no more.
//!
//! An organization that is deleted as a whole leaves its rows to the platform, in the same transaction: its
//! jobs go with it, and the platform's take their place. What was trusted at the provider's instance is kept
//! beside the token, since that may go too.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::authz::Permit;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::meter::CallClass;
use crate::flows::{Context, Error};
use crate::limits::Subject;
use crate::providers::{ErrorClass, HookPlace, ProviderError};
use crate::queue::NewJob;
use crate::queue::catalogue::RemoveHooks;
use crate::session::{access_for, trusting, trusting_kept};
use crate::store::{TenantTx, hook_removals};
use crate::vault::{Column, Place};

/// Connections that are left to the platform in one statement.
const BATCH: i64 = 500;

/// Keeps what takes the hooks of connections away, in the transaction that deletes them; the jobs that do it.
///
/// # Errors
/// As every statement.
pub(crate) async fn prepare(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    connections: &[ConnectionId],
) -> Result<Vec<NewJob>, Error> {
    let now = context.clock.now();
    let kept = hook_removals::keep(&mut **tx, connections, now).await?;
    Ok(kept
        .into_iter()
        .map(|id| job(permit, permit.organization(), id, now))
        .collect())
}

fn job(
    permit: &Permit,
    organization: OrganizationId,
    connection_id: ConnectionId,
    now: DateTime<Utc>,
) -> NewJob {
    NewJob::new(&RemoveHooks { connection_id }, organization, now)
        .dedupe_key(connection_id.to_string())
        .requested_by(permit.actor().clone())
}

/// Leaves what takes the hooks of all connections away to the platform, in the transaction that deletes
/// their organization; the jobs that do it. The transaction is that organization's again afterwards.
///
/// # Errors
/// As every statement.
pub(crate) async fn bequeath(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
) -> Result<Vec<NewJob>, Error> {
    let (now, organization) = (context.clock.now(), tx.organization());
    let mut after = ConnectionId(Uuid::nil());
    loop {
        let hooked = hook_removals::hooked(&mut **tx, after, BATCH).await?;
        let Some(last) = hooked.last() else { break };
        after = *last;
        hook_removals::keep(&mut **tx, &hooked, now).await?;
    }
    let mut jobs = Vec::new();
    loop {
        let estate = hook_removals::take(&mut **tx, BATCH).await?;
        let taken = jobs.len();
        let all = estate.connections();
        jobs.extend(all.map(|id| job(permit, OrganizationId::PLATFORM, id, now)));
        if jobs.len() == taken {
            return Ok(jobs);
        }
        tx.switch(OrganizationId::PLATFORM).await?;
        hook_removals::put(&mut **tx, OrganizationId::PLATFORM, &estate).await?;
        tx.switch(organization).await?;
    }
}

/// Takes the hooks of a deleted connection away, as far as the provider lets us; how many. The inner
/// error is one that may pass: the rest is kept for another try.
///
/// # Errors
/// Where the credential does not open; where the database does not answer.
pub async fn remove(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Result<usize, ProviderError>, Error> {
    let organization = permit.organization();
    let mut tx = context.db.tenant(organization).await?;
    let removal = hook_removals::get(&mut *tx, id).await?;
    drop(tx);
    let Some(removal) = removal else {
        return Ok(Ok(0));
    };
    let sealed_for = removal.former_organization.unwrap_or(organization);
    let place = Place::credential(sealed_for, id, Column::AccessToken);
    let token = context.vault.open(&place, &removal.access_token)?;
    let instance = context
        .providers
        .instance(removal.provider, Some(&removal.base_url))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let instance = match removal.ca_certificate {
        Some(pem) => trusting_kept(instance, pem),
        None => trusting(context, organization, instance).await?,
    };
    let subject = Subject {
        connection: id,
        organization,
        instance: instance.clone(),
        account: removal.account_id,
        version: 0,
        generation: 0,
        proven: false,
        asker: None,
        insist: false,
        minted: false,
    };
    let mut access = access_for(
        &*context.providers.of(removal.provider),
        instance,
        removal.auth_method,
        token,
        removal.username,
        removal.azure_organization,
    );
    access.meter = context.limits.meter(&subject, CallClass::Sync);
    let hooks = context.providers.hooks(removal.provider);
    for (done, hook) in removal.hooks.iter().enumerate() {
        let place = HookPlace {
            repository_id: hook.repository_id.clone(),
            full_name: hook.full_name.clone(),
        };
        match hooks.remove(&access, &place, &hook.url).await {
            Err(error) if error.class == ErrorClass::Unauthorized => {
                forget_removal(context, permit, id).await?;
                return Ok(Ok(done));
            }
            Err(error) if error.retry_at.is_some() || error.is_transient() => {
                let left = &removal.hooks[done..];
                let mut tx = context.db.tenant(organization).await?;
                hook_removals::note_left(&mut *tx, id, left).await?;
                tx.commit().await?;
                return Ok(Err(error));
            }
            // Gone with its repository, or out of reach for good: nobody can take it away from here.
            _ => {}
        }
    }
    forget_removal(context, permit, id).await?;
    Ok(Ok(removal.hooks.len()))
}

/// Gives up what a deleted connection has left at the provider, and forgets its credential.
///
/// # Errors
/// As every statement.
pub async fn forget_removal(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    hook_removals::delete(&mut *tx, id).await?;
    tx.commit().await?;
    Ok(())
}
