//! Hooks at the provider, kept as they should be: what is wanted here, what stands there.
//!
//! A hook is wanted on every repository that the organization has connected, while the connection's
//! source says so. What stands is a row per repository. The job brings the two together and is enqueued
//! by whatever changes either; it may run any number of times, since a hook is known at the provider by
//! its address.
//!
//! A host lets a run do so much in an hour, and a connection may have more repositories than that. So a
//! hook that was given the current secret is left alone, and a run that was held back, cut or killed costs
//! nothing twice: the next one asks the table what is left, a page at a time. First come those that nobody
//! has tried, then those that have failed, so that no number of refusals stands before the rest; and what
//! was refused rests for hours, so that it does not use up every window. Three things make a hook come
//! first again: a new secret, whoever finds it off or gone, and for one that was refused a new credential.
//!
//! A hook is surplus where no connected repository stands beside its row, which the database says of each
//! row: nothing is concluded from a list that ended early. Its row goes when the hook is known to be gone,
//! and not before: nobody else remembers where it stands.

use chrono::{DateTime, TimeDelta, Utc};

use super::hook_lists;
use crate::authz::Permit;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, WebhookSecretId, WebhookSourceId};
use crate::domain::secret::Secret;
use crate::domain::webhook::RepositoryHook;
use crate::flows::{Context, Error};
use crate::providers::{ErrorClass, HookPlace, HookStanding, ProviderError, PutHook};
use crate::queue::catalogue::RegisterHooks;
use crate::queue::{NewJob, enqueue};
use crate::store::repository_hooks::{Turn, Unsettled};
use crate::store::webhook_secrets::SourceNotes;
use crate::store::{TenantTx, hook_looks, repository_hooks, webhook_secrets};
use crate::vault::Place;

/// Hooks of one page.
const PAGE: i64 = 100;
/// So long what was refused is not asked for again by itself. A pass through a large connection is shorter.
const REST: TimeDelta = TimeDelta::hours(6);

/// What a hook is to be.
pub struct WantedHook {
    /// Where it delivers.
    pub url: String,
    /// What it proves itself with.
    pub secret: Secret,
    secret_id: WebhookSecretId,
}

/// What is wanted of a connection's hooks, and how far it was gone through.
pub struct Registration {
    /// What each hook is to be; `None` where none is wanted.
    pub hook: Option<WantedHook>,
    connection: ConnectionId,
    registered: bool,
    begun: DateTime<Utc>,
    /// Which of [`WALKS`].
    walk: usize,
    /// Behind this repository of it.
    after: String,
}

/// A walk through hooks.
#[derive(Clone, Copy)]
enum Walk {
    /// Those that are wanted.
    Wanted,
    /// Those that are not.
    Surplus,
}

/// One after the other; the second time those that have failed before.
static WALKS: [(Walk, bool); 4] = [
    (Walk::Wanted, false),
    (Walk::Surplus, false),
    (Walk::Wanted, true),
    (Walk::Surplus, true),
];

/// Some of what is to be done.
#[derive(Default)]
pub struct Page {
    /// Where the hook is to be put right.
    pub wanted: Vec<HookPlace>,
    /// Hooks that stand where none is wanted any more.
    pub surplus: Vec<RepositoryHook>,
}

impl Page {
    /// Whether there is nothing to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last().is_none()
    }

    fn last(&self) -> Option<&str> {
        let wanted = self.wanted.last().map(|place| &place.repository_id);
        let surplus = self.surplus.last().map(|hook| &hook.provider_repository_id);
        wanted.or(surplus).map(String::as_str)
    }
}

impl Registration {
    /// The next page of what is to be done; an empty one where that was all.
    ///
    /// # Errors
    /// As every statement.
    pub async fn page(&mut self, context: &Context, permit: &Permit) -> Result<Page, Error> {
        let mut tx = context.db.tenant(permit.organization()).await?;
        while let Some((walk, again)) = WALKS.get(self.walk) {
            let turn = Turn {
                again: *again,
                begun: self.begun,
                rested: self.begun - REST,
            };
            let page = self.page_of(&mut tx, *walk, turn).await?;
            if let Some(last) = page.last() {
                self.after = last.to_owned();
                tx.commit().await?;
                return Ok(page);
            }
            self.walk += 1;
            self.after.clear();
        }
        Ok(Page::default())
    }

    async fn page_of(&self, tx: &mut TenantTx, walk: Walk, turn: Turn) -> Result<Page, Error> {
        let (id, from) = (self.connection, (self.after.as_str(), PAGE));
        let mut page = Page::default();
        match (walk, &self.hook) {
            (Walk::Wanted, None) => {}
            (Walk::Wanted, Some(hook)) => {
                let is_to_be = (hook.url.as_str(), hook.secret_id);
                let rows = repository_hooks::unsettled(&mut **tx, id, is_to_be, turn, from).await?;
                page.wanted = rows.into_iter().map(place_of).collect();
            }
            (Walk::Surplus, _) => {
                page.surplus =
                    repository_hooks::surplus(tx, id, !self.registered, turn, from).await?;
            }
        }
        Ok(page)
    }
}

fn place_of(one: Unsettled) -> HookPlace {
    HookPlace {
        repository_id: one.provider_repository_id,
        full_name: one.full_name,
    }
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

/// What is wanted of a connection's hooks, to be gone through from the beginning.
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
    drop(tx);
    let current = secrets.iter().find(|one| one.ends_at.is_none());
    let hook = match (registered, url, current) {
        (true, Some(url), Some(current)) => {
            let place = Place::webhook_secret(permit.organization(), current.id);
            Some(WantedHook {
                url,
                secret: context.vault.open(&place, &current.secret)?,
                secret_id: current.id,
            })
        }
        _ => None,
    };
    Ok(Registration {
        hook,
        connection,
        registered,
        begun: now,
        walk: 0,
        after: String::new(),
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
    (place, wanted): (&HookPlace, &WantedHook),
    outcome: &Result<PutHook, ProviderError>,
) -> Result<(), Error> {
    let now = context.clock.now();
    let error = outcome.as_ref().err();
    let hook = RepositoryHook {
        provider_repository_id: place.repository_id.clone(),
        full_name: place.full_name.clone(),
        url: wanted.url.clone(),
        hook_id: outcome.as_ref().ok().map(|put| put.id.clone()),
        error_code: error.map(|error| code_of(error).0.to_owned()),
        error_message: error.map(|error| code_of(error).1.to_owned()),
        checked_at: now,
    };
    let organization = permit.organization();
    let mut tx = context.db.tenant(organization).await?;
    let known = hook_looks::hook(&mut *tx, connection, &place.repository_id).await?;
    repository_hooks::put(&mut *tx, organization, connection, &hook, wanted.secret_id).await?;
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

/// Forgets a hook that was taken away at the provider, or is gone with its repository; whether it is. One
/// that stands for all that is known is kept, with why.
///
/// # Errors
/// As every statement.
pub async fn forget(
    context: &Context,
    permit: &Permit,
    connection: ConnectionId,
    provider_repository_id: &str,
    removed: &Result<(), ProviderError>,
) -> Result<bool, Error> {
    let now = context.clock.now();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let stands = removed
        .as_ref()
        .err()
        .filter(|error| error.class != ErrorClass::NotFound);
    match stands {
        None => {
            repository_hooks::delete(&mut *tx, connection, provider_repository_id).await?;
        }
        Some(error) => {
            let why = match code_of(error) {
                (code @ "refused", _) => (code, "The provider did not let the hook be taken away."),
                why => why,
            };
            repository_hooks::keep(&mut *tx, connection, provider_repository_id, why, now).await?;
        }
    }
    tx.commit().await?;
    Ok(stands.is_none())
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
