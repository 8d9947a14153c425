//! What shows that an installation is the browser's: see the module.

use chrono::TimeDelta;

use super::begin::oauth_app;
use super::{failed, fault_of_ours, not_shown};
use crate::domain::auth_method::AuthMethod;
use crate::domain::oauth_state::OauthState;
use crate::domain::secret::Secret;
use crate::flows::oauth::complete::{not_granted, unknown_account};
use crate::flows::oauth::landing::Refusal;
use crate::flows::{Context, Error};
use crate::providers::{Access, Holding, Installation, Provider, ProviderError};
use crate::session::access_for;
use crate::session::installation::registered::{Client, RegisteredApp};
use crate::session::{KeySource, installed};
use crate::store::connections::Installed;
use crate::store::lookups;
use crate::store::oauth_states::StoredState;
use crate::vault::Place;

/// GitHub's times have no fractions.
const ROUNDED: TimeDelta = TimeDelta::seconds(1);

/// The client that is configured beside the App, if it is the App's own.
pub(super) async fn own_client(
    context: &Context,
    app: &RegisteredApp,
) -> Result<Option<Client>, Refusal> {
    let Some(client) = app.client.clone() else {
        return Ok(None);
    };
    let facts = context.providers.apps().app(&app.app).await;
    // Not told is not the same as none: without it the weaker proof would do.
    let facts = facts.map_err(|error| {
        tracing::warn!(app = app.app.id, class = ?error.class, status = error.status,
            detail = %error.detail, "an App's facts were not told");
        failed("GitHub did not answer, or not as it should. Begin again in a minute.")
    })?;
    Ok((facts.client_id.as_deref() == Some(&*client.id)).then_some(client))
}

/// Made or saved since the flow was begun, and nobody else's.
pub(super) async fn by_time(
    context: &Context,
    state: &OauthState,
    told: &Installation,
) -> Result<(), Refusal> {
    let changed = told.created_at.max(told.updated_at);
    let ago = told.told_at.zip(changed).map(|(now, then)| now - then);
    let since = context.clock.now() - state.created_at;
    let fresh = ago.is_some_and(|ago| ago <= since + ROUNDED);
    let which = Installed {
        base_url: &state.base_url,
        app: told.app_id,
        installation: told.id,
    };
    let elsewhere = lookups::is_bound_elsewhere(&context.db.system(), which, state.organization_id)
        .await
        .map_err(|error| fault_of_ours(&error.into()))?;
    if fresh && !elsewhere {
        return Ok(());
    }
    tracing::warn!(app = told.app_id, installation = told.id, fresh, elsewhere,
        organization = %state.organization_id, begun_by = ?state.actor.id,
        "a browser named an installation that is not known to be its own");
    Err(not_shown())
}

/// The account's own person, or one who administers all that the installation covers.
pub(super) async fn by_person(
    context: &Context,
    found: &StoredState,
    app: &RegisteredApp,
    told: &Installation,
    code: &Secret,
) -> Result<(), Refusal> {
    let state = &found.state;
    let client = app.client.clone();
    let Some(client) = client.filter(|client| Some(&client.id) == state.client_id.as_ref()) else {
        return Err(failed(
            "The GitHub App was changed or removed while you were away. Begin again.",
        ));
    };
    let provider = context.providers.of(state.provider);
    let oauth = provider.oauth();
    let ours = |error: Error| fault_of_ours(&error);
    let client = oauth_app(state, app, client).map_err(ours)?;
    let verifier = opened(context, found).map_err(ours)?;
    let grant = oauth
        .exchange(&client, code, &verifier)
        .await
        .map_err(|error| not_granted(state, &error))?;
    let access = access_for(
        &*provider,
        app.app.instance.clone(),
        AuthMethod::Oauth,
        grant.access_token.clone(),
        None,
        None,
    );
    let holds = holds(context, &*provider, &access, app, told).await;
    // It has said who it is and is good for nothing more.
    if let Err(error) = oauth.revoke(&client, &grant.access_token).await {
        tracing::warn!(%error, "the token of a person who installed an App could not be given back");
    }
    match holds {
        Ok(true) => Ok(()),
        Ok(false) => {
            tracing::warn!(app = told.app_id, installation = told.id,
                organization = %state.organization_id, begun_by = ?state.actor.id,
                "somebody named an installation without holding all of it");
            Err(not_shown())
        }
        Err(error) => Err(unknown_account(state, &error)),
    }
}

fn opened(context: &Context, found: &StoredState) -> Result<Secret, Error> {
    let sealed = found
        .verifier
        .as_deref()
        .ok_or_else(|| Error::Internal("a consent without a verifier".to_owned()))?;
    let place = Place::oauth_verifier(found.state.organization_id, found.state.id);
    Ok(context.vault.open(&place, sealed)?)
}

async fn holds(
    context: &Context,
    provider: &dyn Provider,
    access: &Access,
    app: &RegisteredApp,
    told: &Installation,
) -> Result<bool, ProviderError> {
    let person = provider.identity(access).await?.account.id;
    if person.is_some() && person == told.account.id {
        return Ok(true);
    }
    let apps = context.providers.apps();
    let Holding::Whole { repositories } = apps.holding(access, told.id).await? else {
        return Ok(false);
    };
    // The person's list is where both meet: it must be as long as the installation's own. Nothing is
    // nobody's: an empty installation at an organization shows nothing.
    let parts = (&*context.providers, &context.minted, &context.clock);
    let (all, access) = installed(parts, app.app.clone(), KeySource::Configured, told.id);
    let page = all
        .repositories(&access, &super::keep::first(), None)
        .await?;
    Ok(repositories > 0 && page.total == Some(repositories))
}
