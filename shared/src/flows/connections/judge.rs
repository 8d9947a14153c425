//! What an answer of the provider means for a connection: pure, in one table.

use chrono::{DateTime, Utc};

use super::expiry;
use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::{Account, Connection};
use crate::domain::health::{Health, HealthCode};
use crate::domain::lifecycle::ConnectionStatus;
use crate::providers::{ErrorClass, Identity, ProviderError};

/// The health of a connection as shown.
#[must_use]
pub fn health_of(connection: &Connection) -> Health {
    let code = connection.health_code;
    let message = match code {
        HealthCode::ScopeMissing if !connection.missing_scopes.is_empty() => format!(
            "The credential lacks a permission that syncing needs: {}.",
            connection.missing_scopes.join(", ")
        ),
        HealthCode::Expiring => expiry::message(connection),
        _ => code.message().to_owned(),
    };
    Health {
        code,
        message,
        action: match code {
            HealthCode::Expiring => expiry::action(connection).to_owned(),
            _ => action(code, connection.auth_method).to_owned(),
        },
        action_url: connection.health_action_url.clone(),
        since: connection.health_since,
    }
}

/// What to do next: for an App it is done at the provider, or with its key.
pub(super) fn action(code: HealthCode, method: AuthMethod) -> &'static str {
    match (method, code) {
        (AuthMethod::GithubApp, HealthCode::ScopeMissing) => {
            "Give the App this permission in its settings at GitHub, and have an owner of the account accept it there."
        }
        (AuthMethod::GithubApp, HealthCode::ReauthRequired | HealthCode::InvalidCredential) => {
            "Make a new private key in the App's settings at GitHub and paste it here; repositories and settings are kept."
        }
        _ => code.action(),
    }
}

/// Takes over what an accepted credential told of itself. Of a grant, scopes and end were told
/// when it was given; what it does not tell again stays. `renews`: it is refreshed before it ends,
/// so that its end is nobody's concern.
pub(super) fn accept(
    connection: &mut Connection,
    identity: &Identity,
    renews: bool,
    now: DateTime<Utc>,
) {
    connection.account = without_nul(&identity.account);
    let told_before = !connection.auth_method.is_pasted();
    if identity.scopes.is_some() || !told_before {
        connection.scopes = identity.scopes.clone();
    }
    if connection.token_expires_at.is_none() || !told_before {
        connection.token_expires_at = identity.token_expires_at;
    }
    connection.missing_scopes = identity.missing_scopes.clone();
    if identity.rate_limit.is_known() {
        connection.rate_limit = identity.rate_limit;
    }
    connection.validated_at = Some(now);
    connection.health_action_url = None;
    // An installation that answers is there, whoever said that it was not.
    let installed_after_all = connection.health_code == HealthCode::Uninstalled;
    if installed_after_all || connection.status.may_become(ConnectionStatus::Active) {
        connection.status = connection.status.heals();
    }
    let expiring = expiry::soon(connection, connection.token_expires_at, renews, now);
    // Why it does not rotate itself is no matter of whether it works.
    let keeps_why =
        expiring && connection.auto_rotate && connection.health_code == HealthCode::Expiring;
    if !keeps_why {
        connection.validation_error = None;
    }
    // Of a renewal that fails an access token that works says nothing.
    let renewal_fails = renews
        && matches!(
            connection.health_code,
            HealthCode::OperatorConfiguration | HealthCode::Uncertain
        );
    let code = if renewal_fails {
        connection.health_code
    } else if !identity.missing_scopes.is_empty() {
        HealthCode::ScopeMissing
    } else if expiring {
        HealthCode::Expiring
    } else {
        HealthCode::Ok
    };
    connection.set_health(code, now);
}

/// Takes over why a credential was not accepted.
pub(super) fn refuse(
    connection: &mut Connection,
    error: &ProviderError,
    token_page: &str,
    now: DateTime<Utc>,
) {
    let known = (connection.status, connection.health_code)
        == (ConnectionStatus::Expired, HealthCode::ReauthRequired);
    if known && error.class == ErrorClass::Unauthorized {
        // That a dead credential is refused is no news, and its cause is known better.
        connection.validated_at = Some(now);
        return;
    }
    let past_its_date = connection.token_expires_at.is_some_and(|at| at <= now);
    let once_worked = connection.account.id.is_some();
    let code = match error.class {
        ErrorClass::Unauthorized if once_worked => HealthCode::ReauthRequired,
        ErrorClass::Unauthorized => HealthCode::InvalidCredential,
        ErrorClass::Forbidden | ErrorClass::ScopeMissing => HealthCode::ScopeMissing,
        ErrorClass::SsoBlocked => HealthCode::SsoBlocked,
        ErrorClass::Suspended => HealthCode::Suspended,
        ErrorClass::Uninstalled => HealthCode::Uninstalled,
        ErrorClass::Operator => HealthCode::OperatorConfiguration,
        ErrorClass::RateLimited => HealthCode::RateLimited,
        ErrorClass::NotFound
        | ErrorClass::Unavailable
        | ErrorClass::Unreachable
        | ErrorClass::Blocked
        | ErrorClass::Unexpected => HealthCode::Unreachable,
    };
    if let Some(status) = ConnectionStatus::of(code, past_its_date)
        && connection.status.may_become(status)
    {
        connection.status = status;
    }
    connection.validated_at = Some(now);
    let next = action(code, connection.auth_method);
    let pasted = connection.auth_method.is_pasted();
    // Whoever was asked in the moment it passed says no more than that it is refused.
    let passed = (connection.token_expires_at)
        .filter(|_| pasted && past_its_date && code == HealthCode::ReauthRequired);
    connection.validation_error = Some(match passed {
        Some(ends_at) => expiry::passed(ends_at),
        None => format!("{} {next}", code.message()),
    });
    connection.health_action_url = error.action_url.clone().or_else(|| match code {
        // Only somebody who pasted a token has to make one.
        _ if !pasted => None,
        HealthCode::ReauthRequired | HealthCode::InvalidCredential | HealthCode::ScopeMissing => {
            Some(token_page.to_owned())
        }
        _ => None,
    });
    connection.set_health(code, now);
}

/// A host may send U+0000 in any text; Postgres takes none.
fn without_nul(account: &Account) -> Account {
    let clean = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
    Account {
        id: clean(&account.id),
        login: clean(&account.login),
        kind: clean(&account.kind),
        display_name: clean(&account.display_name),
        avatar_url: clean(&account.avatar_url),
    }
}
