//! Handing a token out to git.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, CredentialLeaseId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::quota::RateLimit;
use crate::domain::refresh::RefreshReason;
use crate::domain::secret::Secret;
use crate::flows::audit::{self, Change};
use crate::flows::connections::{find, health_of};
use crate::flows::{Context, Error, FieldError};
use crate::providers::ErrorClass;
use crate::session::refresh::{self, LAST_MINUTE, Renewal, Wanting, Wish};
use crate::session::{self, explain};
use crate::store::credential_leases::{self, CredentialLease, Lendable};
use crate::store::{connections, credentials, repositories};

/// Where the caller names no validity.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::minutes(10);
/// No lease is longer.
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// How long a caller waits for a renewal in between.
const PATIENCE: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(100);

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct NewLease {
    /// The repository it is for, as the provider writes it: for the clone URL, and on record.
    pub repository: Option<String>,
    /// What for: on record. 1–200 characters.
    pub purpose: String,
    /// For how long the token must work at least; ten minutes where absent.
    pub valid_for: Option<Duration>,
    /// The environment it is for: on record.
    pub environment_id: Option<Uuid>,
}

/// A token in the form in which git presents it.
#[derive(Debug)]
pub struct Issued {
    /// The lease, for giving it back.
    pub lease_id: CredentialLeaseId,
    /// User name.
    pub username: String,
    /// Password: the token.
    pub password: Secret,
    /// Until when it is lent: it works until then.
    pub expires_at: DateTime<Utc>,
    /// Where to clone from, where a repository was named.
    pub clone_url: Option<String>,
}

/// Lends a connection's token: the organization's own, or one that the platform shares. The caller
/// waits for a renewal where the token does not last: one of the exceptions in which a flow talks to
/// a provider.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::NotFound`]; [`Error::Conflict`] `connection_unhealthy` with its next
/// step, `validity_unavailable` with what is possible, `no_credential`.
pub async fn issue(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    new: &NewLease,
) -> Result<Issued, Error> {
    let valid_for = check(new)?;
    let connection = find(context, permit, id).await?;
    usable(&connection)?;
    let clone_url = match &new.repository {
        Some(repository) => Some(clone_url(context, &connection, repository).await?),
        None => None,
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let (lease, token) = match attempt(context, permit, &connection, new, valid_for).await? {
            Step::Lent(lease, token) => (lease, token),
            Step::Wait => {
                if Instant::now() >= until {
                    return Err(too_short(None));
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Step::Renew(version, possible) => {
                renew(context, permit, &connection, version, possible).await?;
                continue;
            }
        };
        let about = (lease.version, false);
        let session = session::of_token(context, connection.clone(), token, about).await?;
        let username = session.provider.git_username(session.access.scheme);
        return Ok(Issued {
            lease_id: lease.id,
            username: username.unwrap_or("git").to_owned(),
            password: session.access.token,
            expires_at: lease.ends_at,
            clone_url,
        });
    }
}

fn check(new: &NewLease) -> Result<TimeDelta, Error> {
    let mut faults = Vec::new();
    let purpose = new.purpose.trim();
    if purpose.is_empty() || purpose.chars().count() > 200 {
        faults.push(FieldError::new(
            "purpose",
            "invalid_length",
            "Say in 1–200 characters what the credential is for; it is kept on record.",
        ));
    }
    let asked = new.valid_for.map_or(Some(DEFAULT_VALIDITY), |time| {
        TimeDelta::from_std(time).ok()
    });
    let fits = |time: &TimeDelta| *time > TimeDelta::zero() && *time <= LONGEST;
    match asked.filter(fits) {
        Some(time) if faults.is_empty() => Ok(time),
        Some(_) => Err(Error::Invalid(faults)),
        None => {
            faults.push(FieldError::new(
                "valid_for",
                "out_of_range",
                "A credential is lent for at least a second and at most 24h; write it like 40m.",
            ));
            Err(Error::Invalid(faults))
        }
    }
}

/// What is switched off, ended or refused is not handed out: git would find out later and less
/// clearly, and hosts ban addresses for failed authentications.
fn usable(connection: &Connection) -> Result<(), Error> {
    let unhealthy = |message: String| {
        Err(Error::Conflict {
            code: "connection_unhealthy",
            message,
        })
    };
    if !connection.is_active {
        return unhealthy(
            "This connection is switched off. Switch it on (PATCH is_active) first.".to_owned(),
        );
    }
    match connection.status {
        ConnectionStatus::Active | ConnectionStatus::Error => Ok(()),
        ConnectionStatus::Expired | ConnectionStatus::Revoked | ConnectionStatus::Disconnected => {
            let health = health_of(connection);
            unhealthy(format!("{} {}", health.message, health.action))
        }
    }
}

async fn clone_url(
    context: &Context,
    connection: &Connection,
    repository: &str,
) -> Result<String, Error> {
    let full_name = repository.trim();
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let stored = repositories::by_name(&mut *tx, connection.id, full_name).await?;
    drop(tx);
    if let Some(row) = stored {
        return Ok(row.clone_url);
    }
    let mut session = session::open(context, connection.clone()).await?;
    let answer = session::ask!(
        context,
        session,
        session.provider.repository(&session.access, full_name)
    );
    match answer {
        Ok(remote) => Ok(remote.clone_url),
        Err(error) if error.class == ErrorClass::NotFound => Err(Error::field(
            "repository",
            "not_found",
            "This connection does not see such a repository. Check the name, and that the credential may read it.",
        )),
        Err(error) => Err(explain(session.provider.kind(), &error)),
    }
}

enum Step {
    /// Lent, with the sealed token.
    Lent(Box<CredentialLease>, Vec<u8>),
    /// A renewal is under way.
    Wait,
    /// The token of this version does not last; so long it would.
    Renew(i64, Option<TimeDelta>),
}

async fn attempt(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    new: &NewLease,
    valid_for: TimeDelta,
) -> Result<Step, Error> {
    let now = context.clock.now();
    let mut lease = CredentialLease {
        id: CredentialLeaseId::new(now),
        organization: permit.organization(),
        connection_organization: connection.organization_id,
        connection: connection.id,
        version: 0,
        purpose: new.purpose.trim().to_owned(),
        repository: new.repository.as_deref().map(|name| name.trim().to_owned()),
        environment: new.environment_id,
        created_by: permit.user(),
        created_by_name: permit.actor().name.clone(),
        created_at: now,
        ends_at: now + valid_for,
    };
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
        return Err(Error::Conflict {
            code: "no_credential",
            message: "This connection holds no credential. Paste a token or connect again."
                .to_owned(),
        });
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

fn used(connection: &Connection, lease: &CredentialLease) -> Change {
    Change::new(
        Event::GitConnectionUsed,
        "connection",
        connection.id,
        Some(&connection.name),
    )
    .with("user_id", lease.created_by.map(|id| id.to_string()))
    .with("environment_id", lease.environment.map(|id| id.to_string()))
    .with("repository", lease.repository.clone())
    .with("purpose", lease.purpose.clone())
    .with("lease_id", lease.id.to_string())
}

/// Renews the token so that it lasts; the caller looks again.
async fn renew(
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

fn too_short(possible: Option<TimeDelta>) -> Error {
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
