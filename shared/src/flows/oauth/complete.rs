//! From a code to a connection: exchanged once, asked whose it is, stored; or given back.

use super::landing::{Arrived, Refusal, RefusalCode};
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::oauth_state::OauthState;
use crate::domain::secret::Secret;
use crate::flows::audit::{self, Change};
use crate::flows::connections::keep::{self, NewSecret, Through};
use crate::flows::{Context, Error};
use crate::providers::{
    ErrorClass, GrantError, GrantErrorClass, Identity, Provider, ProviderError,
};
use crate::queue::enqueue;
use crate::session::app::{self, Named, Registration};
use crate::session::{access_for, trusting};
use crate::store::{StoreError, TenantTx, connections, organizations};

/// Exchanges the code and makes or heals the connection.
pub(super) async fn complete(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    code: &Secret,
    verifier: &Secret,
) -> Result<Arrived, Refusal> {
    let (provider, registration) = prepare(context, state).await?;
    let oauth = provider.oauth();
    let app = &registration.app;
    let grant = oauth
        .exchange(app, code, verifier)
        .await
        .map_err(|error| not_granted(state, &error))?;
    let secret = NewSecret {
        grant,
        through: Some(Through {
            config: registration.config,
            client_id: app.client_id.clone(),
            redirect_uri: state.redirect_uri.clone(),
        }),
        app_config: None,
    };
    let access = access_for(
        &*provider,
        app.instance.clone(),
        AuthMethod::Oauth,
        secret.grant.access_token.clone(),
        None,
        None,
    );
    let kept = match provider.identity(&access).await {
        Ok(identity) => {
            keep(
                context,
                permit,
                state,
                (&*provider, &registration),
                &secret,
                identity,
            )
            .await
        }
        Err(error) => Err(Kept::No(unknown_account(state, &error))),
    };
    match kept {
        Ok(arrived) => Ok(arrived),
        // What became of it is not known: a stored grant must not be taken back.
        Err(Kept::Perhaps(refusal)) => Err(refusal),
        Err(Kept::No(refusal)) => {
            match oauth.revoke(app, &secret.grant.access_token).await {
                Ok(given_back) => tracing::info!(
                    provider = state.provider.as_str(),
                    given_back,
                    "a grant was not stored"
                ),
                Err(error) => tracing::warn!(provider = state.provider.as_str(), %error,
                    "a grant that was not stored could not be given back"),
            }
            Err(refusal)
        }
    }
}

/// Why a grant was not stored.
enum Kept {
    /// It was not.
    No(Refusal),
    /// The commit was not answered.
    Perhaps(Refusal),
}

impl From<Error> for Kept {
    fn from(error: Error) -> Self {
        Self::No(fault_of_ours(&error))
    }
}

impl From<StoreError> for Kept {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

type Adapter = std::sync::Arc<dyn Provider>;

async fn prepare(
    context: &Context,
    state: &OauthState,
) -> Result<(Adapter, Registration), Refusal> {
    let provider = context.providers.of(state.provider);
    let instance = context
        .providers
        .instance(state.provider, Some(&state.base_url))
        .map_err(|error| failed(error.to_string()))?;
    let instance = trusting(context, state.organization_id, instance)
        .await
        .map_err(|error| fault_of_ours(&error))?;
    let redirect_uri = url::Url::parse(&state.redirect_uri)
        .map_err(|error| fault_of_ours(&Error::Internal(error.to_string())))?;
    let named = Named {
        config: state.provider_config_id,
        client_id: state.client_id.as_deref().unwrap_or_default(),
    };
    match app::named(
        context,
        state.organization_id,
        named,
        &instance,
        &redirect_uri,
    )
    .await
    {
        Ok(registration) => Ok((provider, registration)),
        Err(Error::Conflict { .. }) => Err(failed(
            "The OAuth app was changed or removed while you were away. Begin again.",
        )),
        Err(error) => Err(fault_of_ours(&error)),
    }
}

async fn keep(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    (provider, registration): (&dyn Provider, &Registration),
    secret: &NewSecret,
    identity: Identity,
) -> Result<Arrived, Kept> {
    let Some(account) = identity.account.id.clone() else {
        return Err(Kept::No(failed(
            "The provider did not say whose account this is. Begin again.",
        )));
    };
    let now = context.clock.now();
    let mut tx = context.db.tenant(state.organization_id).await?;
    connections::lock_account(&mut *tx, state.provider, &state.base_url, &account).await?;
    let before = match state.connection_id {
        Some(id) => Some(to_heal(&mut tx, id, &identity).await?),
        None => {
            connections::of_account(&mut *tx, state.provider, &state.base_url, &account).await?
        }
    };
    let mut connection = before
        .clone()
        .unwrap_or_else(|| unproven(context, permit, state, &identity, AuthMethod::Oauth));
    let instance = &registration.app.instance;
    let answer = Ok(identity);
    let credential = keep::judge_and_seal(
        context,
        &mut connection,
        (provider, instance),
        secret,
        &answer,
        now,
    )?;
    let stored = (before.as_ref(), &connection);
    let changed = ["access_token", "refresh_token"];
    let job = keep::keep(context, permit, &mut tx, stored, &credential, &changed).await?;
    let change = Change::of_connection(Event::GitProviderConnected, &connection)
        .with("provider", connection.provider.as_str())
        .with("provider_username", connection.account.login.clone());
    audit::record(&mut tx, &context.vault, &context.clock, permit, change).await?;
    let enqueued = enqueue(&mut tx, &[job]).await?;
    let organization = organizations::get(&mut *tx, state.organization_id).await?;
    if let Err(error) = tx.commit().await {
        return Err(Kept::Perhaps(fault_of_ours(&error.into())));
    }
    context.doorbell.ring(enqueued.iter().map(|job| job.lane));
    Ok(Arrived {
        connection: connection.id,
        account: connection.account.login.clone().unwrap_or(account),
        name: connection.name,
        provider: state.provider,
        organization: state.organization_id,
        organization_name: organization
            .filter(|one| !one.id.is_platform())
            .map(|one| one.name),
        repository_count: None,
    })
}

/// The connection that the flow was begun for, locked, if it is still this account's.
async fn to_heal(
    tx: &mut TenantTx,
    id: ConnectionId,
    identity: &Identity,
) -> Result<Connection, Kept> {
    let found = connections::get_for_update(&mut **tx, id).await?;
    let Some(found) = found.filter(|found| found.auth_method == AuthMethod::Oauth) else {
        return Err(Kept::No(failed(
            "The connection that was to be healed is not there any more. Begin again to make a new one.",
        )));
    };
    same_account(&found, identity).map_err(Kept::No)?;
    Ok(found)
}

/// Whether a connection is the account's that came back.
pub(super) fn same_account(found: &Connection, identity: &Identity) -> Result<(), Refusal> {
    if found.account.id.is_none() || found.account.id == identity.account.id {
        return Ok(());
    }
    let name = |login: &Option<String>| {
        login
            .clone()
            .unwrap_or_else(|| "another account".to_owned())
    };
    Err(Refusal::new(
        RefusalCode::AccountMismatch,
        format!(
            "{} gave its consent, but the connection belongs to {}. Sign in to that account at the provider and begin again, or make a connection of its own.",
            name(&identity.account.login),
            name(&found.account.login)
        ),
    ))
}

/// The connection before its account is taken over.
pub(super) fn unproven(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    identity: &Identity,
    auth_method: AuthMethod,
) -> Connection {
    let now = context.clock.now();
    let name = state.provider.display_name();
    let name: String = match &identity.account.login {
        Some(login) => format!("{login} ({name})").replace('\0', ""),
        None => name.to_owned(),
    };
    let at = (state.provider, state.base_url.clone());
    let name = name.chars().take(100).collect();
    Connection {
        organization_id: state.organization_id,
        ..keep::unproven(permit, at, auth_method, name, now)
    }
}

pub(super) fn failed(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::ExchangeFailed, message)
}

/// The redirect URI is not registered at the provider.
pub(super) fn callback_mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::CallbackMismatch,
        "The OAuth app at the provider is registered with another callback URL. Whoever registered it has to enter the one that the documentation names.",
    )
}

/// What went wrong here goes to the log.
pub(super) fn fault_of_ours(error: &Error) -> Refusal {
    tracing::error!(%error, "a consent could not be completed");
    failed(
        "Something went wrong here, and it was written down. Look whether the connection is there; if it is not, begin again.",
    )
}

/// Why there is no grant, told apart by who can mend it.
pub(super) fn not_granted(state: &OauthState, error: &GrantError) -> Refusal {
    let name = state.provider.display_name();
    let (class, code) = (error.class, error.code.as_deref());
    if class == GrantErrorClass::Operator {
        tracing::error!(provider = state.provider.as_str(), base_url = %state.base_url,
            organization = %state.organization_id, status = error.status, code, detail = %error.detail,
            "an OAuth app is registered wrongly: check its client id, client secret and callback URL");
    } else {
        tracing::warn!(provider = state.provider.as_str(), ?class, status = error.status, code,
            detail = %error.detail, "a code was not exchanged");
    }
    match class {
        GrantErrorClass::Operator if code == Some("redirect_uri_mismatch") => callback_mismatch(),
        GrantErrorClass::Operator => failed(format!(
            "{name} does not accept the OAuth app's own id and secret. This is not your fault: whoever registered the app has to correct its client secret."
        )),
        GrantErrorClass::Refused | GrantErrorClass::Revoked => failed(format!(
            "{name} refused the code: it was used already, or too old. Begin again."
        )),
        GrantErrorClass::InteractionRequired => failed(format!(
            "{name} wants you to sign in again, with everything it asks for. Begin again."
        )),
        GrantErrorClass::Later => failed(format!(
            "{name} takes no more requests just now. Wait a few minutes and begin again."
        )),
        GrantErrorClass::NotSent => failed(format!(
            "{name} cannot be reached from here. Try again in a minute; if it stays so, tell the operator."
        )),
        GrantErrorClass::Unknown => failed(format!(
            "{name} did not answer, or not as it should. Begin again in a minute."
        )),
    }
}

/// A grant whose account the provider did not tell.
pub(super) fn unknown_account(state: &OauthState, error: &ProviderError) -> Refusal {
    let name = state.provider.display_name();
    tracing::warn!(provider = state.provider.as_str(), class = ?error.class, status = error.status,
        detail = %error.detail, "a new grant did not tell its account");
    failed(match error.class {
        ErrorClass::SsoBlocked => format!(
            "An organization at {name} demands single sign-on. Authorize the app for it there, then begin again."
        ),
        ErrorClass::Suspended => format!("This account is suspended at {name}."),
        ErrorClass::Forbidden | ErrorClass::ScopeMissing => format!(
            "{name} gave a token that may not even read its own account. Grant everything that is asked for, and begin again."
        ),
        _ if error.is_transient() => format!(
            "{name} gave a token and then did not say whose it is. It was given back; begin again in a minute."
        ),
        _ => format!("{name} does not accept the token that it just gave. Begin again."),
    })
}
