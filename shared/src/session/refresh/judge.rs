//! What the outcome of a renewal means for the connection: pure, in one table.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::connection::Connection;
use crate::domain::health::HealthCode;
use crate::domain::lifecycle::ConnectionStatus;
use crate::domain::refresh::RefreshOutcome;
use crate::limits::REFUSED_CLIENT;
use crate::providers::{GrantError, GrantErrorClass};

/// The first distance between two tries, doubled with each failure in a row.
const FIRST: TimeDelta = TimeDelta::seconds(30);
/// The longest distance.
const LONGEST: TimeDelta = TimeDelta::minutes(15);

/// What a failed renewal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// How the attempt is written down.
    pub(super) outcome: RefreshOutcome,
    /// What becomes of the connection; `None` leaves it as it is.
    pub(super) health: Option<HealthCode>,
    /// The status that goes with it; `None` leaves it.
    pub(super) status: Option<ConnectionStatus>,
    /// When to try again; `None` never.
    pub(super) again: Option<DateTime<Utc>>,
}

/// The facts a judgement rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// The present moment.
    pub(super) now: DateTime<Utc>,
    /// When the access token ends.
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// Failures in a row before this one.
    pub(super) failures: i16,
    /// The how many-th presentation of this refresh token it was.
    pub(super) presentation: i16,
    /// The refresh token works once.
    pub(super) single_use: bool,
}

impl Facts {
    fn is_past(&self) -> bool {
        self.expires_at.is_some_and(|at| at <= self.now)
    }

    fn backoff(&self) -> DateTime<Utc> {
        let doubled = FIRST * (1 << self.failures.clamp(0, 6));
        self.now + doubled.min(LONGEST)
    }
}

/// Judges a failure.
pub(super) fn judge(error: &GrantError, facts: Facts) -> Judgement {
    let told = |fallback: DateTime<Utc>| error.retry_at.unwrap_or(fallback).max(facts.now);
    // While the access token works nobody has to know that its renewal waits.
    let unless_it_works = |code| facts.is_past().then_some(code);
    match error.class {
        GrantErrorClass::Refused => Judgement {
            outcome: RefreshOutcome::Refused,
            health: Some(HealthCode::ReauthRequired),
            status: Some(ConnectionStatus::Expired),
            again: None,
        },
        GrantErrorClass::InteractionRequired => Judgement {
            outcome: RefreshOutcome::InteractionRequired,
            health: Some(HealthCode::ReauthRequired),
            status: Some(ConnectionStatus::Expired),
            again: None,
        },
        GrantErrorClass::Revoked => Judgement {
            outcome: RefreshOutcome::Revoked,
            health: Some(HealthCode::ReauthRequired),
            status: Some(ConnectionStatus::Revoked),
            again: None,
        },
        GrantErrorClass::Operator => Judgement {
            outcome: RefreshOutcome::Operator,
            health: Some(HealthCode::OperatorConfiguration),
            status: None,
            again: Some(facts.now + REFUSED_CLIENT),
        },
        GrantErrorClass::Later => Judgement {
            outcome: RefreshOutcome::Later,
            health: unless_it_works(HealthCode::RateLimited),
            status: None,
            again: Some(told(facts.backoff())),
        },
        GrantErrorClass::NotSent => Judgement {
            outcome: RefreshOutcome::NotSent,
            health: unless_it_works(HealthCode::Unreachable),
            status: facts.is_past().then_some(ConnectionStatus::Error),
            again: Some(facts.backoff()),
        },
        GrantErrorClass::Unknown => Judgement {
            outcome: RefreshOutcome::Unknown,
            health: Some(HealthCode::Uncertain),
            status: None,
            again: Some(again_unknown(facts)),
        },
    }
}

/// One more try where the token works once, and then its date decides; where it works often, tries
/// at growing distances.
fn again_unknown(facts: Facts) -> DateTime<Utc> {
    if facts.single_use && facts.presentation >= 2 {
        return facts.expires_at.unwrap_or(facts.now).max(facts.now);
    }
    facts.backoff()
}

/// Why a grant has ended, in a sentence for whoever reads the connection.
pub(super) fn sentence(outcome: RefreshOutcome, presentation: i16) -> String {
    let code = HealthCode::ReauthRequired;
    let cause = match outcome {
        RefreshOutcome::Revoked => "The provider says that this grant was revoked.",
        RefreshOutcome::InteractionRequired => {
            "The provider wants the person to sign in again before it renews this grant."
        }
        RefreshOutcome::Refused if presentation > 1 => {
            "The answer to a renewal was lost, and the provider refused the next one: the grant was spent by the first or revoked."
        }
        RefreshOutcome::Refused => "The provider refused to renew this grant.",
        RefreshOutcome::Unknown => {
            "The answers to two renewals were lost, and the token has passed its date."
        }
        _ => code.message(),
    };
    format!("{cause} {}", code.action())
}

/// Takes a failure over into the connection's face.
pub(super) fn refuse(
    connection: &mut Connection,
    judgement: &Judgement,
    presentation: i16,
    now: DateTime<Utc>,
) {
    if let Some(status) = judgement.status
        && connection.status.may_become(status)
    {
        connection.status = status;
    }
    let Some(code) = judgement.health else {
        return;
    };
    connection.validation_error = Some(match code {
        HealthCode::ReauthRequired => sentence(judgement.outcome, presentation),
        _ => format!("{} {}", code.message(), code.action()),
    });
    connection.set_health(code, now);
}

/// Whether a renewal that went well proves this health wrong.
pub(super) fn heals(code: HealthCode) -> bool {
    matches!(
        code,
        HealthCode::Expiring
            | HealthCode::Uncertain
            | HealthCode::ReauthRequired
            | HealthCode::RateLimited
            | HealthCode::Unreachable
            | HealthCode::InvalidCredential
            | HealthCode::OperatorConfiguration
    )
}

/// Takes a success over: what a renewal can prove wrong is healed, what it says nothing of stays.
pub(super) fn accept(connection: &mut Connection, now: DateTime<Utc>) {
    if !heals(connection.health_code) {
        return;
    }
    if connection.status.may_become(ConnectionStatus::Active) {
        connection.status = ConnectionStatus::Active;
        connection.validation_error = None;
        connection.health_action_url = None;
        connection.set_health(HealthCode::Ok, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(presentation: i16, minutes_left: i64) -> Facts {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        Facts {
            now,
            expires_at: Some(now + TimeDelta::minutes(minutes_left)),
            failures: 0,
            presentation,
            single_use: true,
        }
    }

    fn error(class: GrantErrorClass) -> GrantError {
        GrantError {
            class,
            status: None,
            code: None,
            detail: String::new(),
            retry_at: None,
        }
    }

    #[test]
    fn only_the_providers_word_ends_a_grant() {
        use GrantErrorClass::*;
        for class in [Operator, Later, NotSent, Unknown] {
            let judged = judge(&error(class), facts(1, 5));
            assert_eq!(judged.status, None, "{class:?}");
            assert!(judged.again.is_some(), "{class:?}");
        }
        for (class, status) in [
            (Refused, ConnectionStatus::Expired),
            (InteractionRequired, ConnectionStatus::Expired),
            (Revoked, ConnectionStatus::Revoked),
        ] {
            let judged = judge(&error(class), facts(1, 5));
            assert_eq!((judged.status, judged.again), (Some(status), None));
        }
    }

    #[test]
    fn a_token_that_works_once_is_not_tried_a_third_time_before_its_date_decides() {
        let first = facts(1, 60);
        let judged = judge(&error(GrantErrorClass::Unknown), first);
        assert_eq!(judged.again, Some(first.now + FIRST));
        assert_eq!(judged.health, Some(HealthCode::Uncertain));
        let second = facts(2, 60);
        let judged = judge(&error(GrantErrorClass::Unknown), second);
        assert_eq!(judged.again, second.expires_at);
        let often = Facts {
            single_use: false,
            failures: 3,
            ..second
        };
        let judged = judge(&error(GrantErrorClass::Unknown), often);
        assert_eq!(judged.again, Some(often.now + FIRST * 8));
    }

    #[test]
    fn a_token_that_still_works_is_not_called_ill_because_its_renewal_waits() {
        for class in [GrantErrorClass::Later, GrantErrorClass::NotSent] {
            assert_eq!(judge(&error(class), facts(1, 5)).health, None);
            assert!(judge(&error(class), facts(1, -5)).health.is_some());
        }
    }
}
