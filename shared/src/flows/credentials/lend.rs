//! Lending a stored token: noted on its row, where a renewal looks.

use chrono::TimeDelta;

use super::issue::{NewLease, PATIENCE, new_lease, used};
use crate::authz::Permit;
use crate::domain::connection::Connection;
use crate::domain::quota::RateLimit;
use crate::domain::refresh::RefreshReason;
use crate::flows::audit;
use crate::flows::{Context, Error};
use crate::session::no_credential;
use crate::session::refresh::{self, LAST_MINUTE, Renewal, Wanting, Wish};
use crate::store::credential_leases::{self, CredentialLease, Lendable};
use crate::store::{connections, credentials};

pub(super) enum Step {
    /// Lent, with the sealed token.
    Lent(Box<CredentialLease>, Vec<u8>),
    /// A renewal is under way.
    Wait,
    /// The token of this version does not last; so long it would.
    Renew(i64, Option<TimeDelta>),
}

pub(super) async fn attempt(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    new: &NewLease,
    valid_for: TimeDelta,
) -> Result<Step, Error> {
    let now = context.clock.now();
    let mut lease = new_lease(permit, connection, new, (now, now + valid_for));
    // On record first: whoever counts leases under the row's lock finds this one.
    let mut tx = context.db.tenant(permit.organization()).await?;
    credential_leases::insert(&mut *tx, &lease).await?;
    tx.commit().await?;
    let step = lend(context, connection, &mut lease).await;
    let mut tx = context.db.tenant(permit.organization()).await?;
    match step {
        Ok(Step::Lent(..)) => {
            credential_leases::note_version(&mut *tx, lease.id, lease.version).await?;
            let change = used(connection, &lease);
            audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
        }
        _ => credential_leases::delete(&mut *tx, lease.id).await?,
    }
    tx.commit().await?;
    step
}

async fn lend(
    context: &Context,
    connection: &Connection,
    lease: &mut CredentialLease,
) -> Result<Step, Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let locked = credential_leases::lock(&mut *tx, connection.id).await?;
    let Some(Lendable {
        access_token: Some(token),
        version,
        expires_at,
        renewable,
        renewing,
    }) = locked
    else {
        return Err(no_credential());
    };
    let lasts = expires_at.is_none_or(|at| lease.ends_at <= at - LAST_MINUTE);
    if renewing && renewable {
        return Ok(Step::Wait);
    }
    if !lasts {
        let possible = expires_at.map(|at| at - LAST_MINUTE - lease.created_at);
        return match (renewable, possible) {
            (true, possible) => Ok(Step::Renew(version, possible)),
            (false, possible) => Err(too_short(possible)),
        };
    }
    credential_leases::lend(&mut *tx, connection.id, lease.ends_at).await?;
    connections::record_use(
        &mut *tx,
        connection.id,
        &RateLimit::default(),
        lease.created_at,
    )
    .await?;
    tx.commit().await?;
    lease.version = version;
    Ok(Step::Lent(Box::new(lease.clone()), token))
}

/// Renews the token so that it lasts; the caller looks again.
pub(super) async fn renew(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    version: i64,
    possible: Option<TimeDelta>,
) -> Result<(), Error> {
    let wish = Wish {
        wanting: Wanting::Version(version),
        reason: RefreshReason::Credential,
        actor: permit.actor().clone(),
        patience: PATIENCE,
    };
    match refresh::renew(context, connection, wish).await? {
        // A token whose whole life is shorter than what is asked for is found too short by the next
        // look: it was granted a moment ago.
        Renewal::Fresh => {
            let mut tx = context.db.tenant(connection.organization_id).await?;
            let after = credentials::get(&mut *tx, connection.id).await?;
            let life = after
                .and_then(|after| after.expires_at)
                .map(|at| at - LAST_MINUTE - context.clock.now());
            match (life, possible) {
                (Some(life), Some(before)) if life <= before => Err(too_short(Some(life))),
                _ => Ok(()),
            }
        }
        Renewal::Later(_) | Renewal::Operator | Renewal::NotRenewable => Err(too_short(possible)),
        Renewal::Refused(code) => Err(Error::Conflict {
            code: "connection_unhealthy",
            message: format!("{} {}", code.message(), code.action()),
        }),
    }
}

pub(super) fn too_short(possible: Option<TimeDelta>) -> Error {
    let minutes = possible.map_or(0, |time| time.num_minutes().max(0));
    let message = if minutes > 0 {
        format!("The token cannot be had for so long. Ask for at most {minutes}m (valid_for).")
    } else {
        "The token is about to end and cannot be renewed just now. Try again in a minute."
            .to_owned()
    };
    Error::Conflict {
        code: "validity_unavailable",
        message,
    }
}
