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
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::providers::{Access, App, Narrowing, Provider, ProviderUnavailable, Providers, Scheme};

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
///
/// # Errors
/// Where the provider is not served.
pub fn installed(
    (providers, minted, clock): (&Providers, &MintedTokens, &Clock),
    app: App,
    source: KeySource,
    installation: i64,
) -> Result<(Arc<dyn Provider>, Access), ProviderUnavailable> {
    let access = Access {
        instance: app.instance.clone(),
        token: Secret::from(""),
        scheme: Scheme::Installation,
        username: None,
        azure_organization: None,
    };
    let provider = Installed {
        inner: providers.of(app.instance.kind)?,
        apps: providers.apps(),
        tokens: minted.clone(),
        clock: clock.clone(),
        key: Bought::by(&app, installation, Narrowing::default()),
        app,
        source,
        installation,
    };
    Ok((Arc::new(provider), access))
}

/// The same for a stored connection: by the key that was pasted with it, or by the configured App's.
pub(super) async fn open(
    context: &Context,
    connection: &Connection,
    instance: Instance,
    (pasted, config): (Option<Secret>, Option<ProviderConfigId>),
) -> Result<(Arc<dyn Provider>, Access), Error> {
    let (Some(id), Some(installation)) = (
        connection.github_app_id,
        connection.github_app_installation_id,
    ) else {
        return Err(Error::Internal(format!(
            "connection {} names no installation",
            connection.id
        )));
    };
    let (app, source) = match pasted {
        Some(private_key) => {
            let app = App {
                instance,
                id,
                private_key,
            };
            (app, KeySource::Pasted)
        }
        None => {
            let organization = connection.organization_id;
            let found = registered::named(context, organization, &instance, (config, id)).await?;
            (found.app, KeySource::Configured)
        }
    };
    let parts = (&*context.providers, &context.minted, &context.clock);
    installed(parts, app, source, installation).map_err(|error| Error::Provider {
        code: ProviderUnavailable::CODE,
        message: error.to_string(),
        callers_fault: true,
    })
}
