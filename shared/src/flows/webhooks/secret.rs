//! The secret of a connection's hook: made, shown once, replaced, taken back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use zeroize::Zeroizing;

use super::register;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::ids::{ConnectionId, WebhookSecretId, WebhookSourceId};
use crate::domain::page::PageRequest;
use crate::domain::secret::Secret;
use crate::domain::webhook::RepositoryHook;
use crate::flows::audit::{self, Change};
use crate::flows::connections::find_own;
use crate::flows::{Context, Error};
use crate::queue::enqueue;
use crate::store::inbox::{self, Recovery};
use crate::store::webhook_deliveries::{self, DeliveryFilter};
use crate::store::{connections, provider_configs, repository_hooks, webhook_secrets};
use crate::vault::{Place, random};

/// How long a secret verifies after there is a new one.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// A hook that can be set up.
#[derive(Debug)]
pub struct NewWebhook {
    /// Where it delivers.
    pub url: String,
    /// Whether it is kept installed at the provider, on every connected repository.
    pub registered: bool,
    /// Shown this once.
    pub secret: Secret,
    /// What it should send, as the provider names it.
    pub events: &'static [&'static str],
}

/// Makes the secret of a connection's hook. Where there was one, that verifies for 24 hours more.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for a shared connection of the platform.
pub async fn create(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    (base, register): (&str, Option<bool>),
) -> Result<NewWebhook, Error> {
    let connection = find_own(context, permit, id).await?;
    if register == Some(true) {
        register::check(&connection)?;
    }
    let url = format!("{base}/api/v1/webhooks/{}/{id}", connection.provider);
    let now = context.clock.now();
    let secret = new_secret()?;
    let secret_id = WebhookSecretId::new(now);
    let place = Place::webhook_secret(permit.organization(), secret_id);
    let sealed = context.vault.seal(&place, &secret)?;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let connection = connections::get_for_update(&mut *tx, connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let organization = permit.organization();
    webhook_secrets::put_source(&mut *tx, organization, id, (&url, register), now).await?;
    let new = (secret_id, sealed.as_slice());
    webhook_secrets::replace(&mut tx, organization, id, new, now + OVERLAP, now).await?;
    let notes = webhook_secrets::notes(&mut *tx, WebhookSourceId(id.0)).await?;
    let change = Change::of_connection(Event::GitWebhookCreated, &connection)
        .with("registered", notes.registered);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    // Hooks take the new secret, or go where they are not to be registered any more.
    let mut enqueued = Vec::new();
    if notes.registered || register == Some(false) {
        let job = register::job(context, permit, id);
        enqueued = enqueue(&mut tx, &[job]).await?;
    }
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    context.intake.sources.forget(id);
    Ok(NewWebhook {
        url,
        registered: notes.registered,
        events: context.providers.webhooks(connection.provider).events(),
        secret,
    })
}

/// Takes the secrets of a connection's hook back: its deliveries are refused from now on (in other
/// processes within seconds).
///
/// # Errors
/// As [`create`]; [`Error::NotFound`] where it has none.
pub async fn delete(context: &Context, permit: &Permit, id: ConnectionId) -> Result<(), Error> {
    let connection = find_own(context, permit, id).await?;
    let mut tx = context.db.tenant(permit.organization()).await?;
    connections::get_for_update(&mut *tx, connection.id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    if !webhook_secrets::delete(&mut *tx, id).await? {
        return Err(Error::NotFound("webhook"));
    }
    let notes = webhook_secrets::notes(&mut *tx, WebhookSourceId(id.0)).await?;
    webhook_secrets::delete_source(&mut *tx, id).await?;
    let mut enqueued = Vec::new();
    if notes.registered {
        let job = register::job(context, permit, id);
        enqueued = enqueue(&mut tx, &[job]).await?;
    }
    let change = Change::of_connection(Event::GitWebhookDeleted, &connection);
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    context.intake.sources.forget(id);
    Ok(())
}

/// How a connection's hook stands; no secret.
#[derive(Clone, Debug)]
pub struct State {
    /// Where it delivers; `None` where it has no secret.
    pub url: Option<String>,
    /// What it should send, as the provider names it.
    pub events: &'static [&'static str],
    /// Whether its deliveries are known to be signed.
    pub signs: bool,
    /// Whether it is kept installed at the provider.
    pub registered: bool,
    /// When a delivery came last.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// Hooks at the provider.
    pub hooks: Vec<RepositoryHook>,
    /// What the provider's lists of deliveries have shown.
    pub recovery: Recovery,
}

/// Hooks that are shown.
const SHOWN: i64 = 200;

/// How a connection's hook stands.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn state(context: &Context, permit: &Permit, id: ConnectionId) -> Result<State, Error> {
    let connection = find_own(context, permit, id).await?;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let notes = webhook_secrets::notes(&mut *tx, WebhookSourceId(id.0)).await?;
    let hooks = repository_hooks::list(&mut *tx, id, SHOWN).await?;
    let filter = DeliveryFilter {
        connection: Some(id),
        ..DeliveryFilter::default()
    };
    let newest = webhook_deliveries::list(&mut *tx, &filter, &PageRequest::first(1)).await?;
    let known = connections::known_as_of(&mut *tx, id).await?;
    let source = match (connection.auth_method, connection.github_app_id) {
        (AuthMethod::GithubApp, Some(app)) => {
            // A pasted key's App may be registered here all the same.
            let at = (connection.provider, connection.base_url.as_str());
            let stored = provider_configs::at_instance(&mut *tx, at.0, at.1).await?;
            let stored = stored.map(|stored| stored.config);
            let same = stored.filter(|config| config.github_app_id == Some(app));
            known
                .provider_config
                .or(same.map(|config| config.id))
                .map_or_else(
                    || WebhookSourceId::of_platform_app(app),
                    |config| WebhookSourceId(config.0),
                )
        }
        _ => WebhookSourceId(id.0),
    };
    drop(tx);
    let recovery = inbox::recovery(&context.db.system(), source).await?;
    Ok(State {
        url: notes.url,
        events: context.providers.webhooks(connection.provider).events(),
        signs: notes.signs,
        registered: notes.registered,
        last_delivery_at: newest.first().map(|one| one.received_at),
        hooks,
        recovery,
    })
}

/// In the form that Standard Webhooks has; every provider takes it as text.
fn new_secret() -> Result<Secret, Error> {
    let bytes = random::bytes::<32>().map(Zeroizing::new);
    let bytes = bytes.map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Secret::from(format!(
        "whsec_{}",
        STANDARD.encode(bytes.as_slice())
    )))
}
