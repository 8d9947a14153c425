//! That a credential which only a person can replace comes to its end, and in which words: pure.
//!
//! The access token of a grant that renews itself is not such a credential: it ends every hour or
//! two and nobody has to know. Of a grant only the refresh token's end counts, where it has one.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::auth_method::AuthMethod;
use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::lifecycle::ConnectionStatus;

/// What ends within this is `expiring`.
const SOON: TimeDelta = TimeDelta::days(30);
/// Whether a connection whose credential was just accepted, and ends at `token_ends_at`, ends soon.
/// `renews`: the end of the access token is nobody's concern.
pub(super) fn soon(
    connection: &Connection,
    token_ends_at: Option<DateTime<Utc>>,
    renews: bool,
    now: DateTime<Utc>,
) -> bool {
    let near = |at: DateTime<Utc>| at - now <= SOON;
    match (connection.auth_method, connection.refresh_token_expires_at) {
        (AuthMethod::Oauth, Some(at)) => near(at),
        (AuthMethod::Oauth, None) => !renews && token_ends_at.is_some_and(near),
        (AuthMethod::GithubApp, _) => false,
        (AuthMethod::Pat | AuthMethod::GitlabToken, _) => token_ends_at.is_some_and(near),
    }
}

/// The end that is shown.
pub(super) fn shown_end(connection: &Connection) -> Option<DateTime<Utc>> {
    connection
        .refresh_token_expires_at
        .or(connection.token_expires_at)
}

/// The health of a connection that ends soon, in a sentence.
pub(super) fn message(connection: &Connection) -> String {
    match shown_end(connection) {
        Some(at) => format!(
            "The credential works until {}.",
            at.format("%Y-%m-%d %H:%M UTC")
        ),
        None => HealthCode::Expiring.message().to_owned(),
    }
}

/// The next step before the end.
pub(super) fn action(connection: &Connection) -> &str {
    if connection.auth_method == AuthMethod::Oauth {
        "Connect again before the date; nothing else changes."
    } else if let (true, Some(why)) = (connection.auto_rotate, &connection.validation_error) {
        // Why it does not rotate itself, and what to do instead.
        why
    } else {
        HealthCode::Expiring.action()
    }
}

/// Warns: an ailment that is known already says more than an end to come.
pub(super) fn warn(connection: &mut Connection, now: DateTime<Utc>) {
    if connection.health_code == HealthCode::Ok {
        connection.health_code = HealthCode::Expiring;
        connection.health_since = now;
    }
}

/// The date has passed: nobody has to be asked.
pub(super) fn end(connection: &mut Connection, ends_at: DateTime<Utc>, now: DateTime<Utc>) {
    if connection.status.may_become(ConnectionStatus::Expired) {
        connection.status = ConnectionStatus::Expired;
    }
    if connection.health_code != HealthCode::ReauthRequired {
        connection.health_code = HealthCode::ReauthRequired;
        connection.health_since = now;
    }
    connection.validation_error = Some(passed(ends_at));
}

/// What is said of one that has passed its date.
pub(super) fn passed(ends_at: DateTime<Utc>) -> String {
    format!(
        "The credential has passed its date, {}. {}",
        ends_at.format("%Y-%m-%d %H:%M UTC"),
        HealthCode::ReauthRequired.action()
    )
}
