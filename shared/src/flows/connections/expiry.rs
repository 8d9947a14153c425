//! When a credential that only a person can replace comes to its end, and in which words: pure.
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
/// Days before the end at which it is warned of, each once (`next_warning` of the database says the
/// same).
const STEPS: [i16; 4] = [1, 7, 14, 30];
/// The last step: the end itself.
pub(super) const ENDED: i16 = 0;

/// The step that is reached at `now`; `None` before the first.
pub(super) fn step(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<i16> {
    let left = ends_at - now;
    if left <= TimeDelta::zero() {
        return Some(ENDED);
    }
    let reached = |days: &i16| left <= TimeDelta::days(i64::from(*days));
    STEPS.into_iter().find(reached)
}

/// Days left, begun ones counted.
pub(super) fn days_left(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let seconds = (ends_at - now).max(TimeDelta::zero()).num_seconds();
    (seconds + 86_399) / 86_400
}

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
    connection.validation_error = Some(format!(
        "The credential has passed its date, {}. {}",
        ends_at.format("%Y-%m-%d %H:%M UTC"),
        HealthCode::ReauthRequired.action()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_reached_when_so_many_days_are_left() {
        let now = DateTime::UNIX_EPOCH;
        let at = |hours: i64| step(now + TimeDelta::hours(hours), now);
        for (hours, expected) in [
            (721, None),
            (720, Some(30)),
            (337, Some(30)),
            (336, Some(14)),
            (168, Some(7)),
            (25, Some(7)),
            (24, Some(1)),
            (1, Some(1)),
            (0, Some(ENDED)),
            (-5, Some(ENDED)),
        ] {
            assert_eq!(at(hours), expected, "{hours}");
        }
        assert_eq!(
            days_left(now + TimeDelta::minutes(30 * 24 * 60 - 5), now),
            30
        );
        assert_eq!(days_left(now - TimeDelta::days(1), now), 0);
    }
}
