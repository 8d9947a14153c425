//! Asking the provider whether a stored credential works, and writing down what it said.

use serde::Serialize;

use super::judge::{self, health_of};
use super::{find, find_own};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::connection::Connection;
use crate::domain::health::Health;
use crate::domain::ids::ConnectionId;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::meter::CallClass;
use crate::domain::sync::SyncTrigger;
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, sync};
use crate::providers::{Identity, ProviderError};
use crate::queue::catalogue::ValidateConnection;
use crate::queue::{NewJob, enqueue};
use crate::session::{self, Session};
use crate::store::{connections, credentials};

/// What a validation found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Validation {
    /// Whether the provider accepts the credential.
    pub valid: bool,
    /// The account's login.
    pub username: Option<String>,
    /// Scopes as granted; `null` where the provider does not tell.
    pub scopes: Option<Vec<String>>,
    /// What is wrong and what to do.
    pub error: Option<String>,
    /// Requests left in the provider's window.
    pub rate_limit_remaining: Option<i32>,
    /// The health it leads to.
    pub health: Health,
}

/// Validates a connection because somebody asked.
///
/// # Errors
/// [`Error::NotFound`]; a refusal by the provider is an answer, not an error.
pub async fn validate(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Validation, Error> {
    let connection = find_own(context, permit, id).await?;
    let (connection, valid) = ask_and_record(context, permit, connection, true).await?;
    Ok(validation(&connection, valid))
}

/// Validates a connection because a job's time had come; the provider's error where it did not
/// accept the credential, for the job to decide whether to try again.
///
/// # Errors
/// As [`validate`].
pub async fn revalidate(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Result<Connection, ProviderError>, Error> {
    let connection = find(context, permit, id).await?;
    let (connection, answer) = ask_and_record_answer(context, permit, connection, false).await?;
    Ok(answer.map(|_| connection))
}

/// Writes down that the provider refused a credential in the middle of other work, as a validation
/// would, without asking it once more: hosts ban addresses for failed authentications.
///
/// # Errors
/// [`Error::NotFound`] where the connection is gone.
pub async fn record_refusal(
    context: &Context,
    permit: &Permit,
    session: &Session,
    error: ProviderError,
) -> Result<(), Error> {
    record(context, permit, session, &Err(error), false)
        .await
        .map(drop)
}

/// A job that validates a connection, in half a minute: for one whose provider did not answer.
pub(super) fn job(context: &Context, permit: &Permit, connection: &Connection) -> NewJob {
    let now = context.clock.now();
    NewJob::new(
        &ValidateConnection {
            connection_id: connection.id,
        },
        connection.organization_id,
        now,
    )
    .connection(connection.id)
    .dedupe_key(connection.id.to_string())
    .requested_by(permit.actor().clone())
    .run_at(now + chrono::TimeDelta::seconds(30))
}

async fn ask_and_record(
    context: &Context,
    permit: &Permit,
    connection: Connection,
    asked_for: bool,
) -> Result<(Connection, bool), Error> {
    let (connection, answer) =
        ask_and_record_answer(context, permit, connection, asked_for).await?;
    Ok((connection, answer.is_ok()))
}

async fn ask_and_record_answer(
    context: &Context,
    permit: &Permit,
    connection: Connection,
    asked_for: bool,
) -> Result<(Connection, Result<Identity, ProviderError>), Error> {
    let class = if asked_for {
        CallClass::Interactive
    } else {
        CallClass::Sweep
    };
    // One that was refused before may work again: this is how it is found out.
    let mut session = session::open_refused(context, connection, class).await?;
    let answer =
        session::ask!(unrecorded: context, session, session.provider.identity(&session.access));
    match &answer {
        Err(error) if error.is_held_back() && asked_for => {
            Err(session::explain(session.connection.provider, error))
        }
        // Nobody was asked: nothing is known.
        Err(error) if error.is_held_back() => Ok((session.connection, answer)),
        _ => {
            let connection = record(context, permit, &session, &answer, asked_for).await?;
            Ok((connection, answer))
        }
    }
}

/// Writes the answer down, unless the credential was replaced while the provider was asked: then
/// the answer is about a secret that is gone, and the connection is returned as it stands.
async fn record(
    context: &Context,
    permit: &Permit,
    session: &Session,
    answer: &Result<Identity, ProviderError>,
    asked_for: bool,
) -> Result<Connection, Error> {
    let now = context.clock.now();
    let mut tx = context
        .db
        .tenant(session.connection.organization_id)
        .await?;
    let mut connection = connections::get_for_update(&mut *tx, session.connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let before = connection.status;
    match answer {
        Ok(identity) => judge::accept(&mut connection, identity, session.renews, now),
        Err(error) => {
            let page = session.provider.token_page(&session.access.instance);
            judge::refuse(&mut connection, error, &page, now);
        }
    }
    let current = credentials::note_expiry(
        &mut *tx,
        connection.id,
        session.version,
        connection.token_expires_at,
    )
    .await?;
    if !current {
        return Ok(session.connection.clone());
    }
    connections::record_validation(&mut *tx, &connection).await?;
    if asked_for {
        let change = Change::of_connection(Event::GitConnectionValidated, &connection)
            .with("validator_id", permit.actor().id.map(|id| id.to_string()))
            .with(
                "validation_result",
                if answer.is_ok() { "valid" } else { "invalid" },
            );
        audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    }
    let mut jobs = Vec::new();
    if asked_for && answer.as_ref().is_err_and(ProviderError::is_transient) {
        jobs.push(job(context, permit, &connection));
    }
    if connection.status != before {
        let change = Change::of_status(&connection, before);
        audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
        if connection.status == ConnectionStatus::Active && connection.is_active {
            let trigger = if connection.last_synced_at.is_none() {
                SyncTrigger::Created
            } else {
                SyncTrigger::Reconnected
            };
            jobs.push(sync::job(context, permit, &connection, trigger, false));
        }
    }
    let enqueued = enqueue(&mut tx, &jobs).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(connection)
}

fn validation(connection: &Connection, valid: bool) -> Validation {
    Validation {
        valid,
        username: connection.shown_username(),
        scopes: connection.scopes.clone(),
        error: connection.validation_error.clone(),
        rate_limit_remaining: connection.rate_limit.remaining,
        health: health_of(connection),
    }
}
