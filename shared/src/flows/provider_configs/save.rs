//! Saving a registration: one per instance of a provider.
//!
//! Fields that a save leaves out stay as they are, so that somebody can renew a secret without
//! knowing the other ones; `null` clears. Whoever saves is counted, ten times in a quarter of an
//! hour, in the transaction of the save: what is refused as bad input costs nothing, since nobody
//! is asked about it and nothing is kept.
//!
//! The race: two first saves of one instance. The second one meets the unique key, and is done
//! again as a change of what the first one made.

use chrono::TimeDelta;

use super::input::{self, Save};
use super::merge;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::{OrganizationId, ProviderConfigId};
use crate::domain::provider::Instance;
use crate::domain::provider_config::{ProviderConfig, StoredSecrets};
use crate::flows::audit::{self, Change};
use crate::flows::{Context, Error, FieldError};
use crate::store::provider_configs::StoredConfig;
use crate::store::{StoreError, TenantTx, call_windows, provider_configs};

const PURPOSE: &str = "provider_config_save";
const SAVES: i64 = 10;
const WITHIN: TimeDelta = TimeDelta::minutes(15);

/// A registration that was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The registration, without its secrets.
    pub config: ProviderConfig,
    /// Whether there was none at that instance before.
    pub is_new: bool,
}

/// Saves a registration.
///
/// # Errors
/// [`Error::Invalid`] with every field that cannot be taken; [`Error::TooMany`] `too_many_saves`.
pub async fn save(context: &Context, permit: &Permit, save: Save) -> Result<Saved, Error> {
    let mut faults = Vec::new();
    let (save, instance) = input::check(context, save, context.clock.now(), &mut faults)?;
    match attempt(context, permit, &save, &instance, faults.clone()).await? {
        Some(saved) => Ok(saved),
        None => attempt(context, permit, &save, &instance, faults)
            .await?
            .ok_or_else(|| Error::Internal("a registration was deleted twice".to_owned())),
    }
}

/// One try; `None` where somebody else made the first registration there at the same time.
async fn attempt(
    context: &Context,
    permit: &Permit,
    save: &Save,
    instance: &Instance,
    mut faults: Vec<FieldError>,
) -> Result<Option<Saved>, Error> {
    let base_url = instance.base_url();
    let mut tx = context.db.tenant(permit.organization()).await?;
    let found =
        provider_configs::at_instance_for_update(&mut *tx, save.provider, &base_url).await?;
    let is_new = found.is_none();
    let mut stored = found.unwrap_or_else(|| empty(context, permit, save, base_url));
    merge::merge(&context.vault, &mut stored, save)?;
    merge::check(&stored, &mut faults);
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    count(context, permit, &mut tx).await?;
    stored.config.configured_by = permit.user();
    stored.config.updated_at = context.clock.now();
    match provider_configs::put(&mut *tx, &stored).await {
        Err(StoreError::Conflict { .. }) if is_new => return Ok(None),
        Err(StoreError::Missing { .. }) => return Err(Error::NotFound("organization")),
        other => other?,
    }
    let config = stored.config;
    let change = Change::new(
        Event::GitProviderConfigured,
        "provider_config",
        config.id,
        Some(&config.base_url),
    )
    .with("provider", config.provider.as_str());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    tx.commit().await?;
    Ok(Some(Saved { config, is_new }))
}

/// Counts the save. The window is the platform's row; nobody but this caller waits for it.
async fn count(context: &Context, permit: &Permit, tx: &mut TenantTx) -> Result<(), Error> {
    // A job has no id and no limit; it does not save either.
    let Some(caller) = permit.actor().id else {
        return Ok(());
    };
    let (now, organization) = (context.clock.now(), tx.organization());
    let since = now - WITHIN;
    tx.switch(OrganizationId::PLATFORM).await?;
    if !call_windows::count(&mut **tx, PURPOSE, caller, (now, since), SAVES).await? {
        let oldest = call_windows::oldest(&mut **tx, PURPOSE, caller, since).await?;
        return Err(Error::TooMany {
            code: "too_many_saves",
            message: format!(
                "Provider configurations can be saved {SAVES} times in {} minutes. Wait as long as Retry-After says.",
                WITHIN.num_minutes()
            ),
            retry_at: oldest.unwrap_or(now) + WITHIN,
        });
    }
    tx.switch(organization).await?;
    Ok(())
}

fn empty(context: &Context, permit: &Permit, save: &Save, base_url: String) -> StoredConfig {
    let now = context.clock.now();
    StoredConfig {
        config: ProviderConfig {
            id: ProviderConfigId::new(now),
            organization_id: permit.organization(),
            provider: save.provider,
            base_url,
            client_id: None,
            client_secret_expires_at: None,
            scopes: None,
            github_app_id: None,
            github_app_slug: None,
            ca_certificate: None,
            secrets: StoredSecrets::default(),
            configured_by: None,
            created_at: now,
            updated_at: now,
        },
        client_secret: None,
        github_app_private_key: None,
        webhook_secret: None,
    }
}
