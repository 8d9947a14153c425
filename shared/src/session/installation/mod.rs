//! Sessions of installations of GitHub Apps.
//!
//! Needs: what is stored is a key, or nothing where the App is configured; what the provider takes is
//! a token that ends within the hour, may be refused for seconds after it was made, and must neither
//! be stored nor logged. Jobs and requests must not know of any of this, and a walk may take longer
//! than a token lasts.
//! Design: the session's adapter is an [`Installed`], which mints, remembers and renews by itself and
//! hands every question on to GitHub's adapter with a token that is good. So a failure to mint is the
//! failure of the question, classified as every other, and goes the way of every other: to the
//! connection's health, to the job's verdict, to the caller. The [`Access`] of such a session is where
//! and as what, without a token; no header can be made of it.
//! Tokens are remembered in memory per process ([`MintedTokens`]): many are good at once, so that
//! processes need not agree, and one that is lost is minted again.

mod provider;
pub mod registered;
mod tokens;

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::connection::Connection;
use crate::domain::ids::ProviderConfigId;
use crate::domain::meter::Unmetered;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::providers::{
    Access, App, InstallationToken, Narrowing, Provider, ProviderError, Providers, Scheme,
};
use crate::store::credentials;
use crate::vault::{Column, Place};

use provider::Installed;
use tokens::Bought;
pub use tokens::MintedTokens;

/// Whose key an App's is: who has to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Pasted with the connection.
    Pasted,
    /// From a configuration: the operator's, or the organization's own.
    Configured,
}

/// The adapter and the access of an installation, of an App whose key is at hand: what it mints is
/// remembered in `minted`. Nothing is asked yet.
#[must_use]
pub fn installed(
    (providers, minted, clock): (&Providers, &MintedTokens, &Clock),
    app: App,
    source: KeySource,
    installation: i64,
) -> (Arc<dyn Provider>, Access) {
    let access = Access {
        instance: app.instance.clone(),
        token: Secret::from(""),
        scheme: Scheme::Installation,
        username: None,
        azure_organization: None,
        meter: Arc::new(Unmetered),
    };
    let provider = Installed {
        inner: providers.of(app.instance.kind),
        apps: providers.apps(),
        tokens: minted.clone(),
        clock: clock.clone(),
        key: Bought::by(&app, installation, Narrowing::default()),
        app,
        source,
        installation,
    };
    (Arc::new(provider), access)
}

/// The same for a stored connection: by the key that was pasted with it, or by the configured App's.
pub(super) async fn open(
    context: &Context,
    connection: &Connection,
    instance: Instance,
    key: (Option<Secret>, Option<ProviderConfigId>),
) -> Result<(Arc<dyn Provider>, Access), Error> {
    let (app, source, installation) = app_of(context, connection, instance, key).await?;
    let parts = (&*context.providers, &context.minted, &context.clock);
    Ok(installed(parts, app, source, installation))
}

/// A token for somebody else, of one repository or of all that the installation covers: minted for
/// them alone, so that nobody's token is another's.
///
/// # Errors
/// As [`super::open`](super::open()); the inner error is the provider's.
pub async fn lend(
    context: &Context,
    connection: &Connection,
    repository: Option<&str>,
) -> Result<Result<InstallationToken, ProviderError>, Error> {
    let organization = connection.organization_id;
    let mut tx = context.db.tenant(organization).await?;
    let stored = credentials::get(&mut *tx, connection.id).await?;
    drop(tx);
    let Some(stored) = stored else {
        return Err(Error::NotFound("credential"));
    };
    let place = Place::credential(organization, connection.id, Column::AccessToken);
    let pasted = match &stored.access_token {
        Some(sealed) => Some(context.vault.open(&place, sealed)?),
        None => None,
    };
    let instance = context
        .providers
        .instance(connection.provider, Some(&connection.base_url))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let instance = super::trusting(context, organization, instance).await?;
    let config = stored.provider_config_id.map(Into::into);
    let (app, _, installation) = app_of(context, connection, instance, (pasted, config)).await?;
    let name = |full: &str| full.rsplit('/').next().unwrap_or(full).to_owned();
    let narrowing = Narrowing {
        repositories: repository.map(name).into_iter().collect(),
        ..Narrowing::default()
    };
    let apps = context.providers.apps();
    Ok(apps.mint(&app, installation, &narrowing).await)
}

async fn app_of(
    context: &Context,
    connection: &Connection,
    instance: Instance,
    (pasted, config): (Option<Secret>, Option<ProviderConfigId>),
) -> Result<(App, KeySource, i64), Error> {
    let (Some(id), Some(installation)) = (
        connection.github_app_id,
        connection.github_app_installation_id,
    ) else {
        return Err(Error::Internal(format!(
            "connection {} names no installation",
            connection.id
        )));
    };
    if let Some(private_key) = pasted {
        let app = App {
            instance,
            id,
            private_key,
        };
        return Ok((app, KeySource::Pasted, installation));
    }
    let organization = connection.organization_id;
    let found = registered::named(context, organization, &instance, (config, id)).await?;
    Ok((found.app, KeySource::Configured, installation))
}
