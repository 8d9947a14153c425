//! Sending a browser to an App's installation page, and on from there to GitHub's consent.

use url::Url;

use super::authorize::{Authorize, Begun, cookie, keep_state, sealed_verifier, sha256};
use super::fault_of_ours;
use crate::authz::Permit;
use crate::domain::ids::OauthStateId;
use crate::domain::oauth_state::{OauthState, STATE_LIFETIME, StatePurpose};
use crate::domain::provider::Instance;
use crate::flows::oauth::landing::Refusal;
use crate::flows::{Context, Error};
use crate::providers::{AuthorizeRequest, OAuthApp, ProviderError};
use crate::session::explain;
use crate::session::installation::registered::{self, Client, RegisteredApp};
use crate::store::oauth_states::StoredState;

/// Begins an installation: the App's page, with a state.
pub(in crate::flows::oauth) async fn begin(
    context: &Context,
    permit: &Permit,
    wanted: &Authorize,
    instance: &Instance,
    redirect_url: Option<Url>,
) -> Result<Begun, Error> {
    let organization = permit.organization();
    let app = registered::for_flow(context, organization, instance).await?;
    let mut url = install_page(context, &app).await?;
    let cookie = cookie(wanted)?;
    let now = context.clock.now();
    let stored = StoredState {
        // No code comes back from there.
        verifier: None,
        state: OauthState {
            id: OauthStateId::new(now),
            organization_id: organization,
            purpose: StatePurpose::Installation,
            provider: wanted.provider,
            base_url: instance.base_url(),
            provider_config_id: app.config,
            client_id: None,
            redirect_uri: wanted.redirect_uri.to_string(),
            redirect_url: redirect_url.map(String::from),
            cookie_sha256: sha256(&cookie).to_vec(),
            cookie_required: wanted.cookie_required,
            connection_id: wanted.connection_id,
            github_app_id: Some(app.app.id),
            github_app_installation_id: None,
            actor: permit.actor().clone(),
            created_at: now,
            expires_at: now + STATE_LIFETIME,
            consumed_at: None,
        },
    };
    let state = keep_state(context, &stored).await?;
    url.query_pairs_mut().append_pair("state", &state);
    Ok(Begun {
        authorize_url: url,
        state,
        cookie,
    })
}

/// By its name where that was configured; else GitHub is asked for it.
async fn install_page(context: &Context, app: &RegisteredApp) -> Result<Url, Error> {
    let page = match &app.slug {
        Some(slug) => Some(context.providers.apps().install_url(&app.app, slug)),
        None => {
            let facts = context.providers.apps().app(&app.app).await;
            facts.map_err(|error| unknown(app, &error))?.install_url
        }
    };
    let page = page.and_then(|page| Url::parse(&page).ok());
    page.ok_or_else(|| Error::Conflict {
        code: "oauth_not_configured",
        message: "GitHub did not tell the App's name. Save github_app_slug in the provider configuration.".to_owned(),
    })
}

fn unknown(app: &RegisteredApp, error: &ProviderError) -> Error {
    if error.is_transient() {
        return explain(app.app.instance.kind, error);
    }
    tracing::error!(app = app.app.id, status = error.status, detail = %error.detail,
        "a GitHub App is registered wrongly: check its id and private key");
    Error::Conflict {
        code: "oauth_not_configured",
        message: format!(
            "GitHub does not accept the key of the App {}. Correct github_app_id and github_app_private_key where the App is configured.",
            app.app.id
        ),
    }
}

/// Sends a browser that has named an installation on to say who it is: a state of its own, as long as
/// what is left of the first one would be too short for a person who has to sign in.
pub(super) async fn go_on(
    context: &Context,
    state: &OauthState,
    app: &RegisteredApp,
    client: Client,
    installation: i64,
) -> Result<Url, Refusal> {
    let provider = context.providers.of(state.provider);
    let oauth = provider.oauth();
    let now = context.clock.now();
    let id = OauthStateId::new(now);
    let (verifier, code_challenge) = sealed_verifier(context, state.organization_id, id)
        .map_err(|error| fault_of_ours(&error))?;
    let next = StoredState {
        verifier: Some(verifier),
        state: OauthState {
            id,
            client_id: Some(client.id.clone()),
            github_app_installation_id: Some(installation),
            created_at: now,
            expires_at: now + STATE_LIFETIME,
            consumed_at: None,
            ..state.clone()
        },
    };
    let signed = keep_state(context, &next)
        .await
        .map_err(|error| fault_of_ours(&error))?;
    let app = oauth_app(state, app, client).map_err(|error| fault_of_ours(&error))?;
    let request = AuthorizeRequest {
        state: &signed,
        code_challenge: &code_challenge,
        login_hint: None,
    };
    Ok(oauth.authorize_url(&app, &request))
}

/// The App's own client as the OAuth adapter takes it.
pub(super) fn oauth_app(
    state: &OauthState,
    app: &RegisteredApp,
    client: Client,
) -> Result<OAuthApp, Error> {
    let redirect_uri = Url::parse(&state.redirect_uri);
    Ok(OAuthApp {
        instance: app.app.instance.clone(),
        client_id: client.id,
        client_secret: client.secret,
        redirect_uri: redirect_uri.map_err(|error| Error::Internal(error.to_string()))?,
        // An App has permissions, no scopes.
        scopes: Some(Vec::new()),
    })
}
