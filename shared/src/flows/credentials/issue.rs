//! Handing a token out to git.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::lend::{Step, attempt, renew, too_short};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, CredentialLeaseId};
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::secret::Secret;
use crate::flows::audit::{self, Change};
use crate::flows::connections::{find, health_of};
use crate::flows::repositories::locate;
use crate::flows::{Context, Error, FieldError};
use crate::session::refresh::LAST_MINUTE;
use crate::session::{self, explain};
use crate::store::credential_leases::{self, CredentialLease};
use crate::vault::{Column, Place};

/// Where the caller names no validity.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::minutes(10);
/// No lease is longer.
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// How long a caller waits for a renewal in between.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);
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
        Some(repository) => {
            let named = ("repository", repository.trim());
            Some(locate(context, &connection, named).await?.clone_url)
        }
        None => None,
    };
    if connection.auth_method == AuthMethod::GithubApp {
        return minted(context, permit, &connection, (new, valid_for), clone_url).await;
    }
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
        let place = Place::credential(
            connection.organization_id,
            connection.id,
            Column::AccessToken,
        );
        let password = context.vault.open(&place, &token)?;
        return Ok(Issued {
            lease_id: lease.id,
            username: username(context, &connection),
            password,
            expires_at: lease.ends_at,
            clone_url,
        });
    }
}

/// A token of an installation is made for whoever asks and nobody else, so that nothing has to wait
/// for it; the lease is for the record.
async fn minted(
    context: &Context,
    permit: &Permit,
    connection: &Connection,
    (new, valid_for): (&NewLease, TimeDelta),
    clone_url: Option<String>,
) -> Result<Issued, Error> {
    let answer =
        session::installation::lend(context, connection, new.repository.as_deref()).await?;
    let token = answer.map_err(|error| explain(connection.provider, &error))?;
    let now = context.clock.now();
    let last = token.expires_at - LAST_MINUTE;
    if now + valid_for > last {
        return Err(too_short(Some(last - now)));
    }
    let lease = new_lease(permit, connection, new, (now, last));
    let mut tx = context.db.tenant(permit.organization()).await?;
    credential_leases::insert(&mut *tx, &lease).await?;
    let change = used(connection, &lease);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(Issued {
        lease_id: lease.id,
        username: username(context, connection),
        password: token.token,
        expires_at: last,
        clone_url,
    })
}

/// The name under which git presents the token.
fn username(context: &Context, connection: &Connection) -> String {
    let provider = context.providers.of(connection.provider);
    let scheme = provider.scheme(connection.auth_method, connection.username.as_deref());
    provider.git_username(scheme).unwrap_or("git").to_owned()
}

pub(super) fn new_lease(
    permit: &Permit,
    connection: &Connection,
    new: &NewLease,
    (now, ends_at): (DateTime<Utc>, DateTime<Utc>),
) -> CredentialLease {
    CredentialLease {
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
        ends_at,
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

pub(super) fn used(connection: &Connection, lease: &CredentialLease) -> Change {
    Change::of_connection(Event::GitConnectionUsed, connection)
        .with("user_id", lease.created_by.map(|id| id.to_string()))
        .with("environment_id", lease.environment.map(|id| id.to_string()))
        .with("repository", lease.repository.clone())
        .with("purpose", lease.purpose.clone())
        .with("lease_id", lease.id.to_string())
}
