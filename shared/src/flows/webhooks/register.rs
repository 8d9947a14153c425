//! Hooks at the provider, kept as they should be: what is wanted here, what stands there.
//!
//! A hook is wanted on every repository that the organization has connected, while the connection's
//! source says so. What stands is a row per repository. The job brings the two together and is enqueued
//! by whatever changes either; it may run any number of times, since a hook is known at the provider by
//! its address.

use super::hook_lists;
use crate::authz::Permit;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, WebhookSourceId};
use crate::domain::page::PageRequest;
use crate::domain::secret::Secret;
use crate::domain::webhook::RepositoryHook;
use crate::flows::{Context, Error};
use crate::providers::{HookPlace, HookStanding, ProviderError, PutHook};
use crate::queue::catalogue::RegisterHooks;
use crate::queue::{NewJob, enqueue};
use crate::store::webhook_secrets::SourceNotes;
use crate::store::{
    TenantTx, connected_repositories, hook_looks, repository_hooks, webhook_secrets,
};
use crate::vault::Place;

/// Hooks of one connection that are kept.
const MOST: u32 = 2_000;

/// What is wanted at the provider, and what stands there.
pub struct Registration {
    /// Where hooks deliver, and what they prove themselves with; `None` where none is wanted.
    pub hook: Option<(String, Secret)>,
    /// Where hooks are wanted.
    pub wanted: Vec<HookPlace>,
    /// Hooks that stand where none is wanted any more.
    pub surplus: Vec<RepositoryHook>,
}

/// The job that brings hooks at the provider in line.
#[must_use]
pub fn job(context: &Context, permit: &Permit, connection: ConnectionId) -> NewJob {
    let payload = RegisterHooks {
        connection_id: connection,
    };
    NewJob::new(&payload, permit.organization(), context.clock.now())
        .connection(connection)
        .dedupe_key(connection.to_string())
        .requested_by(permit.actor().clone())
}

/// The job where the connection's hooks are registered, for whatever changes what is wanted.
///
/// # Errors
/// As every statement.
pub async fn job_where_registered(
    context: &Context,
    permit: &Permit,
    tx: &mut TenantTx,
    connection: ConnectionId,
) -> Result<Option<NewJob>, Error> {
    let notes = webhook_secrets::notes(&mut **tx, WebhookSourceId(connection.0)).await?;
    Ok(notes.registered.then(|| job(context, permit, connection)))
}

/// Refuses what has no hooks of its own.
pub(super) fn check(connection: &Connection) -> Result<(), Error> {
    if connection.auth_method == AuthMethod::GithubApp {
        return Err(Error::field(
            "register",
            "unsupported_combination",
            "An App delivers by its own hook. Set this address and secret in the App's settings at GitHub instead.",
        ));
    }
    Ok(())
}

/// What is wanted of a connection's hooks, and what stands.
///
/// # Errors
/// [`Error::Internal`] where the secret does not open.
pub async fn registration(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
) -> Result<Registration, Error> {
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let SourceNotes {
        registered, url, ..
    } = webhook_secrets::notes(&mut *tx, WebhookSourceId(connection.0)).await?;
    let secrets = webhook_secrets::of_connection(&mut *tx, connection, now).await?;
    let standing = repository_hooks::list(&mut *tx, connection, i64::from(MOST)).await?;
    let current = secrets.iter().find(|one| one.ends_at.is_none());
    let hook = match (registered, url, current) {
        (true, Some(url), Some(current)) => {
            let place = Place::webhook_secret(permit.organization(), current.id);
            Some((url, context.vault.open(&place, &current.secret)?))
        }
        _ => None,
    };
    let mut wanted = Vec::new();
    if hook.is_some() {
        let page = PageRequest::first(MOST);
        let connected = connected_repositories::list(&mut *tx, Some(connection), &page).await?;
        wanted.extend(connected.into_iter().map(|one| HookPlace {
            repository_id: one.provider_repository_id,
            full_name: one.full_name,
        }));
    }
    let is_wanted = |one: &RepositoryHook| {
        let here = |place: &HookPlace| place.repository_id == one.provider_repository_id;
        wanted.iter().any(here)
    };
    let surplus = standing.into_iter().filter(|one| !is_wanted(one)).collect();
    Ok(Registration {
        hook,
        wanted,
        surplus,
    })
}

/// Writes down how the hook of a repository stands now. One that was found to fail, to be off or to be
/// gone has a look at what it has sent, unless that is what found it.
///
/// # Errors
/// As every statement.
pub async fn note(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    (place, url): (&HookPlace, &str),
    outcome: &Result<PutHook, ProviderError>,
) -> Result<(), Error> {
    let now = context.clock.now();
    let error = outcome.as_ref().err();
    let hook = RepositoryHook {
        provider_repository_id: place.repository_id.clone(),
        full_name: place.full_name.clone(),
        url: url.to_owned(),
        hook_id: outcome.as_ref().ok().map(|put| put.id.clone()),
        error_code: error.map(|error| code_of(error).0.to_owned()),
        error_message: error.map(|error| code_of(error).1.to_owned()),
        checked_at: now,
    };
    let organization = permit.organization();
    let mut tx = context.db.tenant(organization).await?;
    let known = hook_looks::hook(&mut *tx, connection, &place.repository_id).await?;
    repository_hooks::put(&mut *tx, organization, connection, &hook).await?;
    let is_well = |put: &PutHook| match put.found {
        Some(found) => found == HookStanding::Well,
        // None was there: it is new, or somebody has taken the one away that we know of.
        None => known.is_none(),
    };
    let mut jobs = Vec::new();
    if outcome.as_ref().is_ok_and(|put| !is_well(put)) {
        // When it began nobody knows; it was well when it was looked at before.
        let since = known.and_then(|hook| hook.standing_at.max(Some(hook.checked_at)));
        let since = since.unwrap_or(now);
        let of = (connection, place.repository_id.as_str());
        if hook_looks::mark_failing(&mut *tx, of, since, now).await? {
            jobs.push(hook_lists::job(organization, connection, now));
        }
    }
    let enqueued = enqueue(&mut tx, &jobs).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(())
}

/// Forgets a hook that was taken away at the provider.
///
/// # Errors
/// As every statement.
pub async fn forget(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    provider_repository_id: &str,
) -> Result<(), Error> {
    let mut tx = context.db.tenant(permit.organization()).await?;
    repository_hooks::delete(&mut *tx, connection, provider_repository_id).await?;
    tx.commit().await?;
    Ok(())
}

fn code_of(error: &ProviderError) -> (&'static str, &'static str) {
    use crate::providers::ErrorClass as Class;
    match error.class {
        Class::Unauthorized => (
            "reauth_required",
            "The provider no longer accepts the connection's credential. Connect again.",
        ),
        Class::Forbidden | Class::ScopeMissing | Class::SsoBlocked => (
            "scope_missing",
            "The credential may not manage hooks here. It must administer the repository, and hold the scope for webhooks.",
        ),
        Class::NotFound => (
            "not_found",
            "The repository is not there, or the credential does not administer it.",
        ),
        Class::RateLimited | Class::Unavailable | Class::Unreachable => (
            "provider_unavailable",
            "The provider did not answer. It is tried again.",
        ),
        _ => (
            "refused",
            "The provider refused the hook. Check that the public URL can be reached from there, and how many hooks the repository has.",
        ),
    }
}
