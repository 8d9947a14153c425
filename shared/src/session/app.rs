//! Which registration a consent is asked through, and which one a grant was given to.
//!
//! A new flow takes the first that is there: the organization's own at that instance, the
//! platform's row there, the platform's from the settings (which are for its configured instances
//! alone). A grant names the one it was given to, for no other can renew it: the row and the client
//! are looked up again each time, so that a renewed secret counts at once, and a registration that
//! was deleted, or now holds another client, is told apart from a grant that was revoked.

use url::Url;

use crate::domain::connection::Connection;
use crate::domain::ids::{OrganizationId, ProviderConfigId};
use crate::domain::provider::Instance;
use crate::flows::{Context, Error};
use crate::providers::OAuthApp;
use crate::session::trusting;
use crate::store::credentials::StoredCredential;
use crate::store::provider_configs::{self, StoredConfig};
use crate::vault::{Column, Place};

/// A registration, opened.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What the adapter takes.
    pub app: OAuthApp,
    /// Its row; `None` is the platform's, from the settings.
    pub config: Option<ProviderConfigId>,
}

/// Which registration something was begun with.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its row; `None` is the platform's, from the settings.
    pub config: Option<ProviderConfigId>,
    /// Its client.
    pub client_id: &'a str,
}

/// The code of the error where the registration of a grant is gone.
pub const REGISTRATION_GONE: &str = "oauth_registration_gone";

/// The registration that a new consent is asked through.
///
/// # Errors
/// [`Error::Conflict`] `oauth_not_configured` where there is none at that instance.
pub async fn for_flow(
    context: &Context,
    organization: OrganizationId,
    instance: &Instance,
    redirect_uri: &Url,
) -> Result<Registration, Error> {
    let base_url = instance.base_url();
    for tenant in tenants(organization) {
        let mut tx = context.db.tenant(tenant).await?;
        let found = provider_configs::at_instance(&mut *tx, instance.kind, &base_url).await?;
        drop(tx);
        if let Some(stored) = found.filter(|stored| stored.client_secret.is_some()) {
            return opened(context, &stored, instance, redirect_uri);
        }
    }
    of_settings(context, instance, redirect_uri).ok_or_else(|| {
        let (name, at) = (instance.kind.display_name(), base_url);
        Error::Conflict {
            code: "oauth_not_configured",
            message: format!("No OAuth app is registered for {name} at {at}. Save one as a provider configuration, or ask the operator to configure the platform's."),
        }
    })
}

/// The registration of this name, as it stands now.
///
/// # Errors
/// [`Error::Conflict`] [`REGISTRATION_GONE`] where it was deleted or is another client's now.
pub async fn named(
    context: &Context,
    organization: OrganizationId,
    named: Named<'_>,
    instance: &Instance,
    redirect_uri: &Url,
) -> Result<Registration, Error> {
    let mut found = None;
    match named.config {
        None => found = of_settings(context, instance, redirect_uri),
        Some(id) => {
            for tenant in tenants(organization) {
                let mut tx = context.db.tenant(tenant).await?;
                let stored = provider_configs::get(&mut *tx, id).await?;
                drop(tx);
                if let Some(stored) = stored.filter(|stored| stored.client_secret.is_some()) {
                    found = Some(opened(context, &stored, instance, redirect_uri)?);
                    break;
                }
            }
        }
    }
    found
        .filter(|found| found.app.client_id == named.client_id)
        .ok_or_else(|| Error::Conflict {
            code: REGISTRATION_GONE,
            message: "The OAuth app that this was authorized with is not configured any more. Restore its provider configuration, or connect again.".to_owned(),
        })
}

/// The registration that can renew a connection's grant: the one it was given to; for a pasted one
/// whose client nobody told, the one that a new flow would take. The inner error says, for
/// operators, why there is none: a grant of one client cannot be renewed by another.
///
/// # Errors
/// Where the database does not answer.
pub async fn for_grant(
    context: &Context,
    connection: &Connection,
    grant: &StoredCredential,
) -> Result<Result<OAuthApp, String>, Error> {
    let organization = connection.organization_id;
    let instance = context
        .providers
        .instance(connection.provider, Some(&connection.base_url))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let instance = &trusting(context, organization, instance).await?;
    // Written by ourselves; without one there is none that the provider could compare.
    let redirect_uri = grant
        .oauth_redirect_uri
        .as_deref()
        .and_then(|text| Url::parse(text).ok())
        .unwrap_or_else(|| instance.web_url.clone());
    let found = match &grant.oauth_client_id {
        Some(client_id) => {
            let name = Named {
                config: grant.provider_config_id.map(Into::into),
                client_id,
            };
            named(context, organization, name, instance, &redirect_uri).await
        }
        None => for_flow(context, organization, instance, &redirect_uri).await,
    };
    match found {
        Ok(registration) => Ok(Ok(registration.app)),
        Err(Error::Conflict { message, .. }) => Ok(Err(message)),
        Err(error) => Err(error),
    }
}

/// Its own first, then the platform.
pub(super) fn tenants(organization: OrganizationId) -> impl Iterator<Item = OrganizationId> {
    let platform = (!organization.is_platform()).then_some(OrganizationId::PLATFORM);
    std::iter::once(organization).chain(platform)
}

fn opened(
    context: &Context,
    stored: &StoredConfig,
    instance: &Instance,
    redirect_uri: &Url,
) -> Result<Registration, Error> {
    let config = &stored.config;
    let place = Place::provider_config(config.organization_id, config.id, Column::ClientSecret);
    let (Some(client_id), Some(sealed)) = (&config.client_id, &stored.client_secret) else {
        return Err(Error::Internal(
            "a registration without a client was to be opened".to_owned(),
        ));
    };
    Ok(Registration {
        app: OAuthApp {
            instance: instance.clone(),
            client_id: client_id.clone(),
            client_secret: context.vault.open(&place, sealed)?,
            redirect_uri: redirect_uri.clone(),
            scopes: config.scopes.clone(),
        },
        config: Some(config.id),
    })
}

/// Only at the instance that the settings name: its secret is sent nowhere else.
fn of_settings(context: &Context, instance: &Instance, redirect_uri: &Url) -> Option<Registration> {
    let configured = context.providers.instance(instance.kind, None).ok()?;
    let app = context.apps.oauth(instance.kind)?;
    (configured.base_url() == instance.base_url()).then(|| Registration {
        app: OAuthApp {
            instance: instance.clone(),
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: None,
        },
        config: None,
    })
}
