//! Taking a lease back before its end.

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::{ConnectionId, CredentialLeaseId};
use crate::flows::audit::{self, Change};
use crate::flows::connections::find;
use crate::flows::{Context, Error};
use crate::store::credential_leases;
use crate::store::sweeps::renewals;

/// Gives a lease back: a renewal that waited for it may go on. The token itself stays with whoever
/// was given it until it is renewed.
///
/// # Errors
/// [`Error::NotFound`] where there is no such lease; giving one back twice is the same as once.
pub async fn give_back(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    id: CredentialLeaseId,
) -> Result<(), Error> {
    let connection = find(context, permit, connection).await?;
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    if !credential_leases::give_back(&mut *tx, connection.id, id, now).await? {
        return Err(Error::NotFound("lease"));
    }
    let change = Change::of_connection(Event::GitCredentialReturned, &connection)
        .with("lease_id", id.to_string());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    let owner = connection.organization_id;
    let mut tx = context.db.tenant(owner).await?;
    if credential_leases::lock(&mut *tx, connection.id)
        .await?
        .is_some()
    {
        let system = context.db.system();
        let until = renewals::lent_until(&system, owner, connection.id, now).await?;
        credential_leases::free(&mut *tx, connection.id, until, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
