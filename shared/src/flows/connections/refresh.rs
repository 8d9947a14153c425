//! Renewing a token because somebody asked. A caller waits for the answer: one of the exceptions in
//! which a flow talks to a provider.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::find_own;
use crate::authz::Permit;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::domain::refresh::RefreshReason;
use crate::flows::{Context, Error};
use crate::session::refresh::{self, Renewal, Wanting, Wish};
use crate::store::{connections, credentials, lookups};

/// Longer than nearly every provider takes, shorter than proxies wait.
const PATIENCE: Duration = Duration::from_secs(25);

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Refreshed {
    /// Whether the token is a new one now.
    pub success: bool,
    /// What happened, and what to do where it did not work.
    pub message: String,
    /// When the access token that stands now ends; `null` is never, or not known.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Whose connection this is; `None` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn organization_of(
    context: &Context,
    id: ConnectionId,
) -> Result<Option<OrganizationId>, Error> {
    Ok(lookups::organization_of_connection(&context.db.system(), id).await?)
}

/// Renews the token of a connection now, through the same door as the sweep.
///
/// # Errors
/// [`Error::NotFound`]; a provider's refusal is an answer, not an error.
pub async fn refresh(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
) -> Result<Refreshed, Error> {
    let connection = find_own(context, permit, id).await?;
    if let Some(why) = never(&connection) {
        return Ok(Refreshed {
            success: false,
            message: why.to_owned(),
            expires_at: connection.token_expires_at,
        });
    }
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let stored = credentials::get(&mut *tx, id).await?;
    drop(tx);
    let wish = Wish {
        wanting: Wanting::Version(stored.map_or(0, |stored| stored.version)),
        reason: RefreshReason::Manual,
        actor: permit.actor().clone(),
        patience: PATIENCE,
    };
    let renewal = refresh::renew(context, &connection, wish).await?;
    let mut tx = context.db.tenant(connection.organization_id).await?;
    let after = connections::get(&mut *tx, id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let (success, message) = tell(&renewal, &after);
    Ok(Refreshed {
        success,
        message,
        expires_at: after.token_expires_at,
    })
}

/// Renews the token of a connection where its time has come: what the sweep's job calls.
///
/// # Errors
/// As [`refresh`](fn@refresh).
pub async fn refresh_due(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    patience: Duration,
) -> Result<Renewal, Error> {
    let wish = Wish {
        wanting: Wanting::Due,
        reason: RefreshReason::Sweep,
        actor: permit.actor().clone(),
        patience,
    };
    let organization = permit.organization();
    if let Some(renewal) = refresh::renew_due(context, organization, id, wish.clone()).await? {
        return Ok(renewal);
    }
    let connection = find_own(context, permit, id).await?;
    refresh::renew(context, &connection, wish).await
}

/// Why some connections have nothing to renew.
fn never(connection: &Connection) -> Option<&'static str> {
    match connection.auth_method {
        AuthMethod::Pat | AuthMethod::GitlabToken => Some(
            "A pasted token cannot be renewed by Mooring. Make a new one at the provider and paste it here (PATCH api_token).",
        ),
        AuthMethod::GithubApp => Some(
            "A GitHub App's tokens are made anew for each use; there is nothing to renew. Validate the connection instead.",
        ),
        AuthMethod::Oauth => None,
    }
}

fn tell(renewal: &Renewal, after: &Connection) -> (bool, String) {
    let health = |code: HealthCode| format!("{} {}", code.message(), code.action());
    match renewal {
        Renewal::Fresh => (true, "The token was renewed.".to_owned()),
        Renewal::Later(at) if after.health_code == HealthCode::Uncertain => (
            false,
            format!(
                "The provider's answer was lost. It is asked once more by itself after {}.",
                at.format("%H:%M:%S UTC")
            ),
        ),
        Renewal::Later(at) => (
            false,
            format!(
                "The token cannot be renewed now: it is in use, or the provider said to wait. It is tried again by itself after {}.",
                at.format("%H:%M:%S UTC")
            ),
        ),
        Renewal::Refused(code) => (
            false,
            after.validation_error.clone().unwrap_or_else(|| health(*code)),
        ),
        Renewal::Operator => (false, health(HealthCode::OperatorConfiguration)),
        Renewal::NotRenewable => (
            false,
            "The provider gave no refresh token with this grant: it does not end by itself, or it was made so. Connect again if it stopped working.".to_owned(),
        ),
    }
}
