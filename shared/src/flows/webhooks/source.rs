//! What deliveries come from, and what they are verified with.
//!
//! Secrets are opened once and remembered for some seconds ([`super::Sources`]). A secret that was taken
//! back elsewhere verifies for as long; one that is new counts at once, because what does not verify is
//! looked up again, at most once a second.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::sources::{Found, Named};
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::{ConnectionId, OrganizationId, WebhookSourceId};
use crate::domain::provider::ProviderKind;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::store::lookups::{self, HookOwner};
use crate::store::{provider_configs, webhook_secrets};
use crate::vault::{Column, Place};

/// Registrations and connections of one App that are tried.
const CANDIDATES: i64 = 128;

/// What deliveries come from.
#[derive(Debug)]
pub struct Source {
    /// Its id.
    pub id: WebhookSourceId,
    /// Whose it is. The platform's App reaches connections of every organization, another App those
    /// of its own.
    pub organization: OrganizationId,
    /// The connection whose hook it is.
    pub connection: Option<ConnectionId>,
    /// The GitHub App that it is.
    pub app: Option<i64>,
    /// The provider.
    pub provider: ProviderKind,
    /// Its deliveries are known to be signed (Standard Webhooks).
    pub signs: bool,
    pub(super) secrets: Vec<(Secret, Option<DateTime<Utc>>)>,
}

impl Source {
    /// The secrets that verify now.
    pub(super) fn secrets(&self, now: DateTime<Utc>) -> Vec<&Secret> {
        self.secrets
            .iter()
            .filter(|(_, ends_at)| ends_at.is_none_or(|at| at > now))
            .map(|(secret, _)| secret)
            .collect()
    }
}

/// The source that a connection's address names.
///
/// # Errors
/// [`Error::NotFound`] where there is no such connection, or it is at another provider.
pub async fn of_connection(
    context: &Context,
    provider: ProviderKind,
    connection: ConnectionId,
) -> Result<Found, Error> {
    let named = Named::Connection(connection);
    let sources = &context.intake.sources;
    let found = sources.get(named, async || read(context, named).await);
    let found = found.await?;
    if found.sources.iter().any(|one| one.provider == provider) {
        Ok(found)
    } else {
        Err(Error::NotFound("connection"))
    }
}

/// The sources that an App's deliveries may be of: those whose secret verifies one are meant.
///
/// # Errors
/// [`Error::NotFound`] where nobody has told of this App.
pub async fn of_app(context: &Context, app: i64) -> Result<Found, Error> {
    let named = Named::App(app);
    let sources = &context.intake.sources;
    let found = sources.get(named, async || read(context, named).await);
    let found = found.await?;
    if found.sources.is_empty() {
        return Err(Error::NotFound("GitHub App"));
    }
    Ok(found)
}

/// The same, as they are now.
pub(super) async fn again(context: &Context, found: &Found) -> Result<Found, Error> {
    let (sources, named) = (&context.intake.sources, found.named);
    let found = sources.get_again(named, async || read(context, named).await);
    found.await
}

async fn read(context: &Context, named: Named) -> Result<Arc<[Source]>, Error> {
    let system = context.db.system();
    let mut sources = Vec::new();
    match named {
        Named::Connection(id) => {
            if let Some(owner) = lookups::hook_owner(&system, id).await? {
                sources.push(hook(context, owner).await?);
            }
        }
        Named::App(app) => {
            sources.extend(of_settings(context, app));
            for (organization, config) in
                lookups::app_registrations(&system, app, CANDIDATES).await?
            {
                let mut tx = context.db.tenant(organization).await?;
                let stored = provider_configs::get(&mut *tx, config).await?;
                drop(tx);
                let sealed = stored.and_then(|stored| stored.webhook_secret);
                let place = Place::provider_config(organization, config, Column::AppWebhookSecret);
                let Some(sealed) = sealed else { continue };
                let source = (context.vault.open(&place, &sealed)).map(|secret| Source {
                    id: WebhookSourceId(config.0),
                    organization,
                    connection: None,
                    app: Some(app),
                    provider: ProviderKind::Github,
                    signs: false,
                    secrets: vec![(secret, None)],
                });
                sources.extend(candidate(app, source.map_err(Error::from))?);
            }
            for owner in lookups::hooks_of_app(&system, app, CANDIDATES).await? {
                sources.extend(candidate(app, hook(context, owner).await)?);
            }
        }
    }
    Ok(sources.into())
}

/// One of those that a delivery may be of. What is wrong with one is no other one's business.
fn candidate(app: i64, source: Result<Source, Error>) -> Result<Option<Source>, Error> {
    match source {
        Ok(source) => Ok(Some(source)),
        Err(Error::Internal(detail)) => {
            tracing::warn!(app, %detail, "a webhook secret of an App does not open");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The hook of a connection, with what it is verified with.
async fn hook(context: &Context, owner: HookOwner) -> Result<Source, Error> {
    let HookOwner {
        organization,
        connection,
        ..
    } = owner;
    let id = WebhookSourceId(connection.0);
    let mut tx = context.db.tenant(organization).await?;
    let stored = webhook_secrets::of_connection(&mut *tx, connection, context.clock.now()).await?;
    let notes = webhook_secrets::notes(&mut *tx, id).await?;
    drop(tx);
    let mut secrets = Vec::with_capacity(stored.len());
    for one in stored {
        let place = Place::webhook_secret(organization, one.id);
        secrets.push((context.vault.open(&place, &one.secret)?, one.ends_at));
    }
    Ok(Source {
        id,
        organization,
        connection: Some(connection),
        app: owner
            .app
            .filter(|_| owner.auth_method == AuthMethod::GithubApp),
        provider: owner.provider,
        signs: notes.signs,
        secrets,
    })
}

/// The platform's App of the settings.
fn of_settings(context: &Context, app: i64) -> Option<Source> {
    let configured = context.apps.github_app.as_ref()?;
    if i64::try_from(configured.id) != Ok(app) {
        return None;
    }
    Some(Source {
        id: WebhookSourceId::of_platform_app(app),
        organization: OrganizationId::PLATFORM,
        connection: None,
        app: Some(app),
        provider: ProviderKind::Github,
        signs: false,
        secrets: vec![(configured.webhook_secret.clone()?, None)],
    })
}
