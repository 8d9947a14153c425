//! Opening a credential.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::ask::PATIENCE;
use super::explain::refused;
use super::refresh::{self, Wanting, Wish};
use crate::domain::actor::Actor;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::JobId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::meter::{CallClass, Unmetered};
use crate::domain::provider::Instance;
use crate::domain::refresh::RefreshReason;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::limits::Subject;
use crate::providers::{Access, Provider};
use crate::session::{installation, trusting};
use crate::store::credentials::{self, StoredCredential};
use crate::vault::{Column, Place};

/// An opened connection.
pub struct Session {
    /// The connection as it was when it was opened.
    pub connection: Connection,
    /// Its adapter; for an installation of an App one that brings a token of its own to every call.
    pub provider: Arc<dyn Provider>,
    /// The opened credential.
    pub access: Access,
    /// The version of the credential: a verdict counts only while it stands.
    pub version: i64,
    /// Moves with every new grant or pasted token, and with no renewal.
    pub generation: i64,
    /// Whether it is refreshed before it ends.
    pub renews: bool,
    /// For whom it was opened.
    pub asking: Asking,
}

/// Who opens a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// For whom.
    pub class: CallClass,
    /// The job, where one asks that may be run again after its worker died: it goes on with what the
    /// dead one had begun to try, which others wait for.
    pub job: Option<JobId>,
}

impl From<CallClass> for Asking {
    fn from(class: CallClass) -> Self {
        Self { class, job: None }
    }
}

/// Opens the credential of a connection that the caller has found already (its own, or a shared
/// one of the platform).
///
/// # Errors
/// [`Error::Conflict`] `no_credential` where there is none to open, `app_not_configured` where its
/// GitHub App is gone; [`Error::Provider`] `credential_refused` where it is known to be dead: hosts ban
/// addresses for presenting such; [`Error::Internal`] where it does not open.
pub async fn open(
    context: &Context,
    connection: Connection,
    asking: impl Into<Asking>,
) -> Result<Session, Error> {
    if is_dead(&connection, context.clock.now()) {
        return Err(refused(connection.provider));
    }
    opened(context, connection, asking.into(), false).await
}

/// Whether the provider, or its date, has said the last word on what is stored. A grant that cannot be
/// renewed any more works until its date.
fn is_dead(connection: &Connection, now: DateTime<Utc>) -> bool {
    match connection.status {
        ConnectionStatus::Revoked => true,
        ConnectionStatus::Expired => connection.token_expires_at.is_none_or(|at| at <= now),
        ConnectionStatus::Error => connection.health_code == HealthCode::InvalidCredential,
        ConnectionStatus::Active | ConnectionStatus::Disconnected => false,
    }
}

/// The same for one that may be known to be dead, to find out whether it still is.
///
/// # Errors
/// As [`open`].
pub async fn open_refused(
    context: &Context,
    connection: Connection,
    asking: impl Into<Asking>,
) -> Result<Session, Error> {
    opened(context, connection, asking.into(), true).await
}

async fn opened(
    context: &Context,
    connection: Connection,
    asking: Asking,
    insist: bool,
) -> Result<Session, Error> {
    let mut stored = read(context, &connection).await?;
    if stored.refresh_token.is_some() && ends_soon(stored.expires_at, context.clock.now()) {
        let wish = Wish {
            wanting: Wanting::Version(stored.version),
            reason: RefreshReason::Use,
            actor: Actor::system(),
            patience: PATIENCE,
        };
        // Whatever came of it: the token that stands now is the best there is.
        refresh::renew(context, &connection, wish).await?;
        stored = read(context, &connection).await?;
    }
    let organization = connection.organization_id;
    let place = Place::credential(organization, connection.id, Column::AccessToken);
    let secret = match &stored.access_token {
        Some(sealed) => Some(context.vault.open(&place, sealed)?),
        None => None,
    };
    let provider = context.providers.of(connection.provider);
    let instance = context
        .providers
        .instance(connection.provider, Some(&connection.base_url))
        .map_err(|error| Error::Provider {
            code: "instance_refused",
            message: error.to_string(),
            callers_fault: true,
        })?;
    let instance = trusting(context, organization, instance).await?;
    let subject = Subject {
        // A sweep's look is no other than that of a sync which was refused a moment ago.
        insist: insist && asking.class == CallClass::Interactive,
        asker: asking.job.map(|job| job.0),
        ..subject(context, &connection, &instance, &stored)
    };
    let (provider, mut access) = if connection.auth_method == AuthMethod::GithubApp {
        let config = stored.provider_config_id.map(Into::into);
        installation::open(context, &connection, instance, (secret, config)).await?
    } else {
        let access = access_for(
            &*provider,
            instance,
            connection.auth_method,
            secret.ok_or_else(no_credential)?,
            connection.username.clone(),
            connection.azure_organization.clone(),
        );
        (provider, access)
    };
    access.meter = context.limits.meter(&subject, asking.class);
    Ok(Session {
        connection,
        provider,
        access,
        version: stored.version,
        generation: stored.generation,
        renews: stored.refresh_token.is_some(),
        asking,
    })
}

/// An access token this near its end may not outlive the question.
const NEAR: TimeDelta = TimeDelta::seconds(30);

fn ends_soon(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_some_and(|at| at - now <= NEAR)
}

/// There is nothing stored to be presented.
pub(crate) fn no_credential() -> Error {
    Error::Conflict {
        code: "no_credential",
        message: "This connection holds no credential. Paste a token or connect again.".to_owned(),
    }
}

/// Seen to work within this, a credential is not among those that must wait first.
const PROVEN: TimeDelta = TimeDelta::hours(24);

fn subject(
    context: &Context,
    connection: &Connection,
    instance: &Instance,
    stored: &StoredCredential,
) -> Subject {
    let minted = connection.auth_method == AuthMethod::GithubApp;
    let installation = connection.github_app_installation_id;
    let since = context.clock.now() - PROVEN;
    Subject {
        connection: connection.id,
        organization: connection.organization_id,
        instance: instance.clone(),
        account: match installation {
            Some(id) if minted => Some(format!("installation-{id}")),
            _ => connection.account.id.clone(),
        },
        version: stored.version,
        generation: stored.generation,
        proven: stored.proven_at.is_some_and(|at| at > since),
        asker: None,
        insist: false,
        minted,
    }
}

async fn read(context: &Context, connection: &Connection) -> Result<StoredCredential, Error> {
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let stored = credentials::get(&mut *tx, connection.id).await?;
    stored.ok_or_else(no_credential)
}

/// A token together with the place it is for, presented as its method demands.
#[must_use]
pub fn access_for(
    provider: &dyn Provider,
    instance: Instance,
    method: AuthMethod,
    token: Secret,
    username: Option<String>,
    azure_organization: Option<String>,
) -> Access {
    let username = username
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let scheme = provider.scheme(method, username.as_deref());
    Access {
        instance,
        token,
        scheme,
        username,
        azure_organization,
        meter: Arc::new(Unmetered),
    }
}
