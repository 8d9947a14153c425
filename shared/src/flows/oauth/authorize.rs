//! Beginning a consent: which registration, a row that the browser will come back to, a link.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::Url;

use super::{installation, redirect, state};
use crate::authz::Permit;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::{ConnectionId, OauthStateId, OrganizationId};
use crate::domain::oauth_state::{OauthState, STATE_LIFETIME, StatePurpose};
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::{ExposeSecret, Secret};
use crate::flows::connections::find_own;
use crate::flows::{Context, Error, FieldError};
use crate::providers::AuthorizeRequest;
use crate::session::app;
use crate::store::oauth_states::StoredState;
use crate::store::{StoreError, oauth_states};
use crate::vault::{Place, random};

/// What a caller gives to begin a flow.
#[derive(Clone, Debug)]
pub struct Authorize {
    /// The provider.
    pub provider: ProviderKind,
    /// [`AuthMethod::Oauth`] or [`AuthMethod::GithubApp`].
    pub auth_method: AuthMethod,
    /// Root of a self-hosted instance; the platform's configured one where absent.
    pub base_url: Option<String>,
    /// Where the browser is sent in the end.
    pub redirect_url: Option<String>,
    /// The connection to heal.
    pub connection_id: Option<ConnectionId>,
    /// Exactly as registered at the provider.
    pub redirect_uri: Url,
    /// Origins that `redirect_url` may have.
    pub redirect_origins: Vec<String>,
    /// The cookie that the browser has of an earlier flow, to be shared by both.
    pub cookie: Option<Secret>,
    /// Whether the browser has to show it when it comes back: a session of the web interface
    /// begins the flow.
    pub cookie_required: bool,
}

/// A flow that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser is to go.
    pub authorize_url: Url,
    /// What it brings back.
    pub state: String,
    /// The cookie that it gets.
    pub cookie: Secret,
}

/// Begins a flow in the permit's organization.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::Conflict`] `oauth_not_configured`; [`Error::NotFound`] where the
/// connection to heal is not there.
pub async fn authorize(
    context: &Context,
    permit: &Permit,
    wanted: &Authorize,
) -> Result<Begun, Error> {
    let redirect_url = match wanted.redirect_url.as_deref() {
        Some(text) => Some(redirect::check(text, &wanted.redirect_origins)?),
        None => None,
    };
    check_method(wanted)?;
    let healed = match wanted.connection_id {
        Some(id) => Some(find_own(context, permit, id).await?),
        None => None,
    };
    if let Some(connection) = &healed {
        check_healed(connection, wanted)?;
    }
    let instance = instance(context, wanted, healed.as_ref())?;
    if wanted.auth_method == AuthMethod::GithubApp {
        return installation::begin(context, permit, wanted, &instance, redirect_url).await;
    }
    begin(context, permit, wanted, &instance, (healed, redirect_url)).await
}

async fn begin(
    context: &Context,
    permit: &Permit,
    wanted: &Authorize,
    instance: &Instance,
    (healed, redirect_url): (Option<Connection>, Option<Url>),
) -> Result<Begun, Error> {
    let provider = context.providers.of(wanted.provider);
    let oauth = provider.oauth();
    let organization = permit.organization();
    let registration = app::for_flow(context, organization, instance, &wanted.redirect_uri).await?;
    let cookie = cookie(wanted)?;
    let now = context.clock.now();
    let id = OauthStateId::new(now);
    let (verifier, code_challenge) = sealed_verifier(context, organization, id)?;
    let stored = StoredState {
        verifier: Some(verifier),
        state: OauthState {
            id,
            organization_id: organization,
            purpose: StatePurpose::Oauth,
            provider: wanted.provider,
            base_url: instance.base_url(),
            provider_config_id: registration.config,
            client_id: Some(registration.app.client_id.clone()),
            redirect_uri: wanted.redirect_uri.to_string(),
            redirect_url: redirect_url.map(String::from),
            cookie_sha256: sha256(&cookie).to_vec(),
            cookie_required: wanted.cookie_required,
            connection_id: wanted.connection_id,
            github_app_id: None,
            github_app_installation_id: None,
            actor: permit.actor().clone(),
            created_at: now,
            expires_at: now + STATE_LIFETIME,
            consumed_at: None,
        },
    };
    let state = keep_state(context, &stored).await?;
    let request = AuthorizeRequest {
        state: &state,
        code_challenge: &code_challenge,
        login_hint: healed
            .as_ref()
            .and_then(|connection| connection.account.login.as_deref()),
    };
    Ok(Begun {
        authorize_url: oauth.authorize_url(&registration.app, &request),
        state,
        cookie,
    })
}

/// The cookie that the browser has already, or a new one.
pub(super) fn cookie(wanted: &Authorize) -> Result<Secret, Error> {
    match wanted.cookie.clone().filter(is_ours) {
        Some(cookie) => Ok(cookie),
        None => random::token("").map_err(|error| Error::Internal(error.to_string())),
    }
}

/// A verifier, sealed for its row, and the challenge to it.
pub(super) fn sealed_verifier(
    context: &Context,
    organization: OrganizationId,
    id: OauthStateId,
) -> Result<(Vec<u8>, String), Error> {
    let verifier = random::token("").map_err(|error| Error::Internal(error.to_string()))?;
    let place = Place::oauth_verifier(organization, id);
    let sealed = context.vault.seal(&place, &verifier)?;
    Ok((sealed, URL_SAFE_NO_PAD.encode(sha256(&verifier))))
}

/// Stores a state; its signed name.
pub(super) async fn keep_state(context: &Context, stored: &StoredState) -> Result<String, Error> {
    let mut tx = context.db.tenant(stored.state.organization_id).await?;
    match oauth_states::insert(&mut *tx, stored).await {
        Err(StoreError::Missing { .. }) => return Err(Error::NotFound("organization")),
        other => other?,
    }
    tx.commit().await?;
    Ok(state::sign(&context.vault, &stored.state))
}

fn check_method(wanted: &Authorize) -> Result<(), Error> {
    let (method, provider) = (wanted.auth_method, wanted.provider);
    if method.is_pasted() {
        return Err(Error::field(
            "auth_method",
            "unsupported_combination",
            "A token is pasted, not authorized. Use oauth, or make the connection with the token.",
        ));
    }
    if !method.fits(provider) {
        let name = provider.display_name();
        return Err(Error::field(
            "auth_method",
            "unsupported_combination",
            format!("{name} does not know the method {method}. Use oauth."),
        ));
    }
    Ok(())
}

/// The account may be another than it was, which shows when it comes back; provider and method
/// may not.
fn check_healed(connection: &Connection, wanted: &Authorize) -> Result<(), Error> {
    let mut faults = Vec::new();
    if connection.provider != wanted.provider {
        let name = connection.provider.display_name();
        faults.push(FieldError::new(
            "provider",
            "contradiction",
            format!("The connection to heal is one of {name}. Name that provider, or leave connection_id out."),
        ));
    } else if connection.auth_method != wanted.auth_method {
        let method = connection.auth_method;
        faults.push(FieldError::new(
            "connection_id",
            "unsupported_combination",
            format!("This connection uses {method}, and is healed by that. Leave connection_id out for a connection of its own."),
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(faults))
    }
}

/// The instance that was named, or the one of the connection to heal.
fn instance(
    context: &Context,
    wanted: &Authorize,
    healed: Option<&Connection>,
) -> Result<Instance, Error> {
    let at = |base_url: Option<&str>| {
        context
            .providers
            .instance(wanted.provider, base_url)
            .map_err(|error| Error::field("base_url", error.code, error.to_string()))
    };
    let Some(connection) = healed else {
        return at(wanted.base_url.as_deref());
    };
    let own = at(Some(&connection.base_url))?;
    if wanted.base_url.is_some() && at(wanted.base_url.as_deref())? != own {
        return Err(Error::field(
            "base_url",
            "contradiction",
            "The connection to heal is at another instance. Leave base_url out, or connection_id.",
        ));
    }
    Ok(own)
}

/// SHA-256 of a verifier or a cookie.
pub(super) fn sha256(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose_secret().as_bytes()).into()
}

/// Whether a cookie has the form of ours: 256 bits in base64url.
fn is_ours(cookie: &Secret) -> bool {
    let text = cookie.expose_secret();
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok()
}
