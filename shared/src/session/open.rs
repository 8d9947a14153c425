//! Opening a credential.

use std::sync::Arc;

use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::provider::Instance;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::providers::{Access, Provider};
use crate::session::{installation, trusting};
use crate::store::credentials;
use crate::vault::{Column, Place};

/// An opened connection.
pub struct Session {
    /// The connection as it was when it was opened.
    pub connection: Connection,
    /// Its adapter; for an installation of an App one that brings a token of its own to every call.
    pub provider: Arc<dyn Provider>,
    /// The opened credential.
    pub access: Access,
    /// The version of the credential: a verdict counts only while it stands.
    pub version: i64,
    /// Whether it is refreshed before it ends.
    pub renews: bool,
}

/// Opens the credential of a connection that the caller has found already (its own, or a shared
/// one of the platform).
///
/// # Errors
/// [`Error::Conflict`] `no_credential` where there is none to open, `app_not_configured` where its
/// GitHub App is gone; [`Error::Internal`] where it does not open.
pub async fn open(context: &Context, connection: Connection) -> Result<Session, Error> {
    let organization = connection.organization_id;
    let mut tx = context.db.tenant(organization).await?;
    let stored = credentials::get(&mut *tx, connection.id).await?;
    drop(tx);
    let missing = || Error::Conflict {
        code: "no_credential",
        message: "This connection holds no credential. Paste a token or connect again.".to_owned(),
    };
    let stored = stored.ok_or_else(missing)?;
    let place = Place::credential(organization, connection.id, Column::AccessToken);
    let secret = match &stored.access_token {
        Some(sealed) => Some(context.vault.open(&place, sealed)?),
        None => None,
    };
    let provider = context
        .providers
        .of(connection.provider)
        .map_err(explain_unavailable)?;
    let instance = context
        .providers
        .instance(connection.provider, Some(&connection.base_url))
        .map_err(|error| Error::Provider {
            code: "instance_refused",
            message: error.to_string(),
            callers_fault: true,
        })?;
    let instance = trusting(context, organization, instance).await?;
    let (provider, access) = if connection.auth_method == AuthMethod::GithubApp {
        let config = stored.provider_config_id.map(Into::into);
        installation::open(context, &connection, instance, (secret, config)).await?
    } else {
        let access = access_for(
            &*provider,
            instance,
            connection.auth_method,
            secret.ok_or_else(missing)?,
            connection.username.clone(),
            connection.azure_organization.clone(),
        );
        (provider, access)
    };
    Ok(Session {
        connection,
        provider,
        access,
        version: stored.version,
        renews: stored.refresh_token.is_some(),
    })
}

/// A token together with the place it is for, presented as its method demands.
#[must_use]
pub fn access_for(
    provider: &dyn Provider,
    instance: Instance,
    method: AuthMethod,
    token: Secret,
    username: Option<String>,
    azure_organization: Option<String>,
) -> Access {
    let scheme = provider.scheme(method, username.as_deref());
    Access {
        instance,
        token,
        scheme,
        username,
        azure_organization,
    }
}

fn explain_unavailable(error: crate::providers::ProviderUnavailable) -> Error {
    Error::Provider {
        code: crate::providers::ProviderUnavailable::CODE,
        message: error.to_string(),
        callers_fault: true,
    }
}
