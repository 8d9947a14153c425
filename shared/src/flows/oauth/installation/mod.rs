//! Installing a GitHub App: a browser is sent to the App's installation page and comes back with the
//! number of an installation, of which a connection is made.
//!
//! **The number proves nothing.** It stands in an address that anybody can write, numbers are given in
//! order, and the App's own assertion opens every installation of the App, whoever installed it. What
//! has to be shown is that whoever sits before the browser speaks for the account, for every
//! organization of ours anew. ("Bad actors can hit this URL with a spoofed `installation_id`": GitHub,
//! "About the setup URL".)
//!
//! *Where the App has user authorization* (the OAuth client that is configured beside it is its own, as
//! the App's facts say), the number is only where to look: the browser goes on to GitHub's consent and
//! comes back with a code, whose token says who it is. Then either the account is that person's own, or
//! the person administers every repository that the installation covers. To be on GitHub's list of the
//! person's installations is not enough: reading one repository puts one on it, and the connection
//! would read all of them. The token is given back and stored nowhere.
//!
//! *Where it has none*, no question to GitHub tells who the browser is. What is left is time: the
//! installation must have been made, or saved by somebody with the right to it, after this flow was
//! begun (both by GitHub's clock, so that ours does not matter), and no other organization may have it.
//!
//! The attacks, by name:
//! - *An old number, another tenant's*: made before the flow; bound elsewhere. Refused.
//! - *An old number that nobody connected* (the App was installed from GitHub's own pages): made
//!   before the flow. Refused; with user authorization its owner can bind it.
//! - *Guessing the number of an installation that is being made just now*: somebody begins a flow and
//!   comes back with the next numbers before the browser of whoever installed it does. A state is used
//!   up by the first answer, refused or not, so each guess is a flow that was begun by a caller with
//!   the right to, whom the log names; refusals do not tell numbers that are there from those that are
//!   not. Without user authorization this remains possible within seconds, and shows: the true owner's
//!   flow is refused then, with a warning in the log. Configure the App's client id and secret to
//!   close it.
//! - *A link sent to a victim* who installs the App in good faith: the landing names account and
//!   organization, and a session of the web interface is bound to the browser by its cookie, as for
//!   consents.
//! - *A member without rights to the account* (`setup_action=request`): nothing is installed yet, there
//!   is no number, and nothing is made of it but a landing that says who has to approve.
//!
//! The races: *two tabs*: the state is used up once. *A pasted key and a flow for one installation*:
//! the installation is locked before its connection is looked for. *The App is changed meanwhile*: the
//! row names registration and App, and the flow ends with a message. *Suspended or removed in between*:
//! the assertion is asked once more with the browser's return, and the first job finds what comes later.

mod begin;
mod keep;
mod proof;

use url::Url;

use super::authorize;
use super::callback::{Back, answer};
use super::complete::{failed, fault_of_ours};
use super::landing::{Arrived, Refusal, RefusalCode};
use crate::authz::Permit;
use crate::domain::oauth_state::OauthState;
use crate::flows::{Context, Error};
use crate::providers::{ErrorClass, Installation, ProviderError};
use crate::session::installation::registered::{self, RegisteredApp};
use crate::store::oauth_states::StoredState;

pub(super) use begin::begin;

/// Where a browser goes that came back.
pub(super) enum Next {
    /// On, to say who it is.
    Elsewhere(Url),
    /// This is the end.
    Landed(Result<Arrived, Refusal>),
}

/// A browser came back, and its state was used up.
pub(super) async fn came_back(
    context: &Context,
    permit: &Permit,
    found: &StoredState,
    back: &Back,
) -> Next {
    let state = &found.state;
    let next = match state.github_app_installation_id {
        None => first(context, permit, state, back).await,
        Some(id) => second(context, permit, found, id, back)
            .await
            .map(|arrived| Next::Landed(Ok(arrived))),
    };
    next.unwrap_or_else(|refusal| Next::Landed(Err(refusal)))
}

/// From the App's installation page, with a number.
async fn first(
    context: &Context,
    permit: &Permit,
    state: &OauthState,
    back: &Back,
) -> Result<Next, Refusal> {
    if back.error.is_some() {
        answer(back)?;
    }
    let Some(id) = back.installation.filter(|_| !back.is_request()) else {
        return Err(pending());
    };
    let (app, told) = look(context, state, id).await?;
    if let Some(client) = proof::own_client(context, &app).await? {
        let url = begin::go_on(context, state, &app, client, id).await?;
        return Ok(Next::Elsewhere(url));
    }
    proof::by_time(context, state, &told).await?;
    let arrived = keep::keep(context, permit, state, &app, told).await?;
    Ok(Next::Landed(Ok(arrived)))
}

/// From the consent, with a code.
async fn second(
    context: &Context,
    permit: &Permit,
    found: &StoredState,
    id: i64,
    back: &Back,
) -> Result<Arrived, Refusal> {
    let code = answer(back)?;
    let (app, told) = look(context, &found.state, id).await?;
    proof::by_person(context, found, &app, &told, code).await?;
    keep::keep(context, permit, &found.state, &app, told).await
}

/// The App as it stands now, and what it says of the installation.
async fn look(
    context: &Context,
    state: &OauthState,
    id: i64,
) -> Result<(RegisteredApp, Installation), Refusal> {
    let instance = context
        .providers
        .instance(state.provider, Some(&state.base_url))
        .map_err(|error| failed(error.to_string()))?;
    let name = (
        state.provider_config_id,
        state.github_app_id.unwrap_or_default(),
    );
    let app = match registered::named(context, state.organization_id, &instance, name).await {
        Ok(app) => app,
        Err(Error::Conflict { .. }) => {
            return Err(failed(
                "The GitHub App was changed or removed while you were away. Begin again.",
            ));
        }
        Err(error) => return Err(fault_of_ours(&error)),
    };
    let told = context.providers.apps().installation(&app.app, id).await;
    let told = told.map_err(|error| not_told(&app, id, &error))?;
    if told.suspended {
        return Err(failed(
            "This installation is suspended at GitHub. Have an owner of the account lift the suspension, then begin again.",
        ));
    }
    Ok((app, told))
}

fn not_told(app: &RegisteredApp, id: i64, error: &ProviderError) -> Refusal {
    match error.class {
        ErrorClass::Uninstalled => {
            tracing::warn!(
                app = app.app.id,
                installation = id,
                "a browser named an installation that the App does not have"
            );
            not_shown()
        }
        ErrorClass::Unauthorized => {
            tracing::error!(app = app.app.id, status = error.status, detail = %error.detail,
                "a GitHub App is registered wrongly: check its id and private key");
            failed(
                "GitHub does not accept the App's own key. This is not your fault: whoever registered the App has to correct it.",
            )
        }
        _ => {
            tracing::warn!(app = app.app.id, class = ?error.class, status = error.status,
                detail = %error.detail, "an installation was not told");
            failed("GitHub did not answer, or not as it should. Begin again in a minute.")
        }
    }
}

/// The same words whether it is there or not: numbers are not to be found out here.
fn not_shown() -> Refusal {
    Refusal::new(
        RefusalCode::AccountMismatch,
        "It could not be shown that this installation is yours. Begin again, and on GitHub's page install the App, or save its settings, as an owner of the account.",
    )
}

fn pending() -> Refusal {
    Refusal::new(
        RefusalCode::InstallationPending,
        "GitHub has asked an owner of the organization to approve the App. Nothing is wrong: once it is approved, begin again, and the account is connected.",
    )
}
