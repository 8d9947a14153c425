//! A browser comes back.
//!
//! The order of the questions matters: whose state it is, before anything of it is believed;
//! whether it still counts, before the code is looked at; and it is used up before the code is
//! sent anywhere.

use subtle::ConstantTimeEq;
use url::Url;

use super::authorize::sha256;
use super::installation::{self, Next};
use super::landing::{Arrived, Landing, Refusal, RefusalCode};
use super::{complete, redirect, state};
use crate::authz::{Permission, Permit, RequestInfo};
use crate::domain::oauth_state::{OauthState, StatePurpose};
use crate::domain::provider::ProviderKind;
use crate::domain::secret::Secret;
use crate::flows::{Context, Error};
use crate::store::oauth_states::{self, StoredState};
use crate::vault::Place;

/// What a browser brings.
#[derive(Clone, Debug)]
pub struct Back {
    /// The provider of the path; `None` for a word that is none.
    pub provider: Option<ProviderKind>,
    /// `state`.
    pub state: Option<String>,
    /// `code`.
    pub code: Option<Secret>,
    /// `error`.
    pub error: Option<String>,
    /// `installation_id`: what an App's installation page adds. Anybody can write it.
    pub installation: Option<i64>,
    /// `setup_action`: `install`, `update` or `request`.
    pub setup_action: Option<String>,
    /// Whether this is the setup URL of a GitHub App and not the callback URL.
    pub setup: bool,
    /// The cookie of its flows.
    pub cookie: Option<Secret>,
    /// The request, for the activity log.
    pub request: RequestInfo,
}

impl Back {
    /// An owner of the account has to approve first; there is no installation yet.
    pub(super) fn is_request(&self) -> bool {
        self.setup_action.as_deref() == Some("request")
    }
}

/// Ends a flow: makes or heals the connection, or says why not.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer before the state was used: the same
/// address may be opened again. Everything later is a landing.
pub async fn callback(context: &Context, back: &Back) -> Result<Landing, Error> {
    let not_ours = || {
        Landing::NotOurs(Refusal::new(
            RefusalCode::StateMismatch,
            "This link does not belong to anything that was begun here, or it is too old. Begin again where you came from.",
        ))
    };
    let name = back
        .state
        .as_deref()
        .and_then(|text| state::read(&context.vault, text));
    let Some(name) = name else {
        return Ok(not_ours());
    };
    let mut tx = context.db.tenant(name.organization).await?;
    let found = oauth_states::get(&mut *tx, name.id).await?;
    drop(tx);
    let Some(found) = found.filter(|found| {
        let state = &found.state;
        name.fits(state)
            && (state.purpose == StatePurpose::Installation || !back.setup)
            && back.provider == Some(state.provider)
    }) else {
        return Ok(not_ours());
    };
    let state = found.state;
    let now = context.clock.now();
    if let Err(refusal) = admit(&state, back, now) {
        return Ok(land(&state, Err(refusal)));
    }
    let mut tx = context.db.tenant(state.organization_id).await?;
    if !oauth_states::consume(&mut *tx, state.id, now).await? {
        return Ok(land(&state, Err(used())));
    }
    tx.commit().await?;
    let outcome = match (state.purpose, answer(back)) {
        (StatePurpose::Installation, _) => {
            let permit = permit(&state, &back.request);
            let found = StoredState {
                state: state.clone(),
                verifier: found.verifier,
            };
            match installation::came_back(context, &permit, &found, back).await {
                Next::Elsewhere(url) => return Ok(Landing::Redirect(url)),
                Next::Landed(outcome) => outcome,
            }
        }
        (StatePurpose::Oauth, Err(refusal)) => Err(refusal),
        (StatePurpose::Oauth, Ok(code)) => {
            let place = Place::oauth_verifier(state.organization_id, state.id);
            let verifier = found
                .verifier
                .as_deref()
                .ok_or_else(|| Error::Internal("a consent without a verifier".to_owned()))
                .and_then(|sealed| Ok(context.vault.open(&place, sealed)?));
            match verifier {
                Ok(verifier) => {
                    let permit = permit(&state, &back.request);
                    complete::complete(context, &permit, &state, code, &verifier).await
                }
                Err(error) => Err(complete::fault_of_ours(&error)),
            }
        }
    };
    if let Err(refusal) = &outcome {
        tracing::info!(provider = state.provider.as_str(), code = refusal.code.as_str(),
            organization = %state.organization_id, "a consent made no connection");
    }
    Ok(land(&state, outcome))
}

/// Whether the state still counts, in this browser.
fn admit(
    state: &OauthState,
    back: &Back,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Refusal> {
    let shown = back.cookie.as_ref().map(sha256);
    let same = shown.is_some_and(|shown| shown.ct_eq(&state.cookie_sha256[..]).into());
    if state.cookie_required && !same {
        return Err(Refusal::new(
            RefusalCode::StateMismatch,
            "This was begun in another browser. Begin again in this one.",
        ));
    }
    if state.consumed_at.is_some() {
        return Err(used());
    }
    if state.expires_at <= now {
        return Err(Refusal::new(
            RefusalCode::StateExpired,
            "This took longer than ten minutes. Begin again.",
        ));
    }
    Ok(())
}

fn used() -> Refusal {
    Refusal::new(
        RefusalCode::StateUsed,
        "This link was used already. Look whether the connection is there; if it is not, begin again.",
    )
}

/// The code, or what came instead of it. Source: RFC 6749, section 4.1.2.1; GitHub,
/// "Troubleshooting authorization request errors" (`redirect_uri_mismatch`, `access_denied`,
/// `application_suspended`).
pub(super) fn answer(back: &Back) -> Result<&Secret, Refusal> {
    match (back.error.as_deref(), &back.code) {
        (Some("access_denied" | "consent_required" | "interaction_required"), _) => {
            Err(Refusal::new(
                RefusalCode::AccessDenied,
                "The authorization was declined at the provider. Begin again to grant it.",
            ))
        }
        (Some("redirect_uri_mismatch"), _) => Err(complete::callback_mismatch()),
        (Some(other), _) => {
            let word: String = other
                .chars()
                .filter(char::is_ascii_graphic)
                .take(60)
                .collect();
            tracing::warn!(error = %word, "a provider ended a consent with an error");
            Err(Refusal::new(
                RefusalCode::ExchangeFailed,
                "The provider could not complete the authorization. Begin again; if it stays so, tell the operator, whose log has the reason.",
            ))
        }
        (None, Some(code)) => Ok(code),
        (None, None) => Err(Refusal::new(
            RefusalCode::ExchangeFailed,
            "The provider sent no code. Begin again.",
        )),
    }
}

/// In the name of who began it: what they may do was decided then.
fn permit(state: &OauthState, request: &RequestInfo) -> Permit {
    let permission = if state.connection_id.is_some() {
        Permission::ConnectionsUpdate
    } else {
        Permission::ConnectionsCreate
    };
    Permit::for_flow(
        state.organization_id,
        state.actor.clone(),
        permission,
        request.clone(),
    )
}

fn land(state: &OauthState, outcome: Result<Arrived, Refusal>) -> Landing {
    let url = state
        .redirect_url
        .as_deref()
        .and_then(|url| Url::parse(url).ok());
    match url {
        Some(url) => Landing::Redirect(redirect::with_outcome(&url, &outcome)),
        None => Landing::Page(outcome),
    }
}
