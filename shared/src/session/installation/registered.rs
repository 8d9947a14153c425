//! Which GitHub App an installation is made through, and which one it was made through.
//!
//! As for consents ([`crate::session::app`]): a new one takes the first App that is there, the
//! organization's own at that instance, the platform's row, the platform's of the settings. A
//! connection names the row and the App; the key is looked up each time, so that a new key counts at
//! once, and a row that holds another App now is told apart from an installation that is gone.

use crate::domain::ids::{OrganizationId, ProviderConfigId};
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::providers::App;
use crate::session::app::tenants;
use crate::session::trusting;
use crate::store::provider_configs::{self, StoredConfig};
use crate::vault::{Column, Place};

/// A configured App, opened.
#[derive(Clone, Debug)]
pub struct RegisteredApp {
    /// What the adapter takes.
    pub app: App,
    /// Its name in addresses, where it was given.
    pub slug: Option<String>,
    /// Its row; `None` is the platform's, from the settings.
    pub config: Option<ProviderConfigId>,
    /// The OAuth client that is configured beside it: the App's own, or another app's.
    pub client: Option<Client>,
}

/// An OAuth client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its public id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// The code of the error where the App of a connection is gone.
pub const APP_GONE: &str = "app_not_configured";

/// The App that a new installation is made through.
///
/// # Errors
/// [`Error::Conflict`] `oauth_not_configured` where there is none at that instance.
pub async fn for_flow(
    context: &Context,
    organization: OrganizationId,
    instance: &Instance,
) -> Result<RegisteredApp, Error> {
    let instance = &trusting(context, organization, instance.clone()).await?;
    let base_url = instance.base_url();
    for tenant in tenants(organization) {
        let mut tx = context.db.tenant(tenant).await?;
        let found = provider_configs::at_instance(&mut *tx, instance.kind, &base_url).await?;
        drop(tx);
        if let Some(stored) = found
            && let Some(opened) = opened(context, &stored, instance)?
        {
            return Ok(opened);
        }
    }
    of_settings(context, instance).ok_or_else(|| Error::Conflict {
        code: "oauth_not_configured",
        message: format!(
            "No GitHub App is registered for {base_url}. Save one as a provider configuration, or ask the operator to configure the platform's."
        ),
    })
}

/// The App that something was begun or made with, as it stands now.
///
/// # Errors
/// [`Error::Conflict`] [`APP_GONE`] where its registration was deleted or is another App's now.
pub async fn named(
    context: &Context,
    organization: OrganizationId,
    instance: &Instance,
    (config, app): (Option<ProviderConfigId>, i64),
) -> Result<RegisteredApp, Error> {
    let instance = &trusting(context, organization, instance.clone()).await?;
    let mut found = None;
    match config {
        None => found = of_settings(context, instance),
        Some(id) => {
            for tenant in tenants(organization) {
                let mut tx = context.db.tenant(tenant).await?;
                let stored = provider_configs::get(&mut *tx, id).await?;
                drop(tx);
                if let Some(stored) = stored {
                    found = opened(context, &stored, instance)?;
                    break;
                }
            }
        }
    }
    found
        .filter(|found| found.app.id == app)
        .ok_or_else(|| Error::Conflict {
            code: APP_GONE,
            message: format!(
                "The GitHub App {app}, through which this was connected, is not configured any more. Restore its provider configuration, or connect again."
            ),
        })
}

fn opened(
    context: &Context,
    stored: &StoredConfig,
    instance: &Instance,
) -> Result<Option<RegisteredApp>, Error> {
    let config = &stored.config;
    let (Some(id), Some(sealed)) = (config.github_app_id, &stored.github_app_private_key) else {
        return Ok(None);
    };
    let open = |sealed: &[u8], column| {
        let place = Place::provider_config(config.organization_id, config.id, column);
        context.vault.open(&place, sealed)
    };
    let client = match (&config.client_id, &stored.client_secret) {
        (Some(id), Some(sealed)) => Some(Client {
            id: id.clone(),
            secret: open(sealed, Column::ClientSecret)?,
        }),
        _ => None,
    };
    Ok(Some(RegisteredApp {
        app: App {
            instance: instance.clone(),
            id,
            private_key: open(sealed, Column::GithubAppPrivateKey)?,
        },
        slug: config.github_app_slug.clone(),
        config: Some(config.id),
        client,
    }))
}

/// Only at the instance that the settings name: its key signs for no other.
fn of_settings(context: &Context, instance: &Instance) -> Option<RegisteredApp> {
    let configured = context.providers.instance(instance.kind, None).ok()?;
    let app = context.apps.github_app.as_ref()?;
    let id = i64::try_from(app.id).ok()?;
    let client = context.apps.oauth(instance.kind).map(|client| Client {
        id: client.client_id.clone(),
        secret: client.client_secret.clone(),
    });
    (configured.base_url() == instance.base_url()).then(|| RegisteredApp {
        app: App {
            instance: instance.clone(),
            id,
            private_key: app.private_key.clone(),
        },
        slug: app.slug.clone(),
        config: None,
        client,
    })
}
