//! Everything that happened to a connection, newest first, with what is left of its budget.
//!
//! A lent connection of the platform shows an organization what it did with it itself: the tables
//! are read as the caller's own tenant, whoever owns the connection.

use serde_json::{Map, Value};

use super::find;
use crate::authz::Permit;
use crate::domain::activity::Event;
use crate::domain::ids::{ActivityId, ConnectionId};
use crate::domain::page::{Page, PageRequest, bounded};
use crate::domain::quota::RateLimit;
use crate::domain::refresh::{RefreshOutcome, RefreshReason};
use crate::domain::rotation::RotationOutcome;
use crate::domain::sync::{SyncStatus, SyncTrigger};
use crate::domain::timeline::{TimelineEntry, TimelineKind};
use crate::flows::{Context, Error};
use crate::store::timeline::{self as store, Happening};

/// A page of a connection's timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The page.
    pub page: Page<TimelineEntry>,
    /// The provider's rate limit for its credential, as last seen.
    pub budget: RateLimit,
}

/// A page of what happened to a connection, newest first.
///
/// # Errors
/// [`Error::NotFound`] where there is no such connection.
pub async fn timeline(
    context: &Context,
    permit: &Permit,
    id: ConnectionId,
    request: &PageRequest<ActivityId>,
) -> Result<Timeline, Error> {
    let connection = find(context, permit, id).await?;
    let mut tx = context.db.tenant(permit.organization()).await?;
    let rows = store::list(&mut *tx, id, request, context.clock.now()).await?;
    let counted = store::count(&mut *tx, id).await?;
    Ok(Timeline {
        page: Page::cut(request, rows, bounded(counted)).map(told),
        budget: connection.rate_limit,
    })
}

fn told(row: Happening) -> TimelineEntry {
    let details = match row.details {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    let (kind, sentence, outcome) = match row.source.as_str() {
        "refresh" => refresh(&row.word, row.outcome),
        "rotation" => rotation(row.outcome),
        "sync" => sync(&row.word, row.outcome, &details),
        "lease" => lease(&row.word, row.outcome, &details),
        "delivery" => delivery(&row.word, row.outcome.clone(), &details),
        _ => event(&row.word, &details),
    };
    TimelineEntry {
        id: row.id.into(),
        at: row.at,
        kind,
        sentence,
        outcome,
        actor: row.actor,
        details,
    }
}

type Told = (TimelineKind, String, Option<String>);

fn refresh(reason: &str, outcome: Option<String>) -> Told {
    let why = match reason.parse() {
        Ok(RefreshReason::Sweep) => "Because the token neared its end, a renewal",
        Ok(RefreshReason::Manual) => "Because somebody asked for it, a renewal of the token",
        Ok(RefreshReason::Use) => "Because the token was needed and had ended, a renewal",
        Ok(RefreshReason::Refused) => "Because the provider refused the token, a renewal",
        Ok(RefreshReason::Credential) => {
            "Because a longer credential was asked for, a renewal of the token"
        }
        Err(_) => "A renewal of the token",
    };
    let what = match outcome.as_deref().map(str::parse) {
        Some(Ok(RefreshOutcome::InFlight)) => "is under way.",
        Some(Ok(RefreshOutcome::Refreshed)) => "was made.",
        Some(Ok(RefreshOutcome::Discarded)) => {
            "was made, and given back: another grant had taken the place of the old one."
        }
        Some(Ok(RefreshOutcome::Refused)) => "was tried; the provider refused it for good.",
        Some(Ok(RefreshOutcome::Revoked)) => {
            "was tried; the provider says that the grant was revoked."
        }
        Some(Ok(RefreshOutcome::InteractionRequired)) => {
            "was tried; the provider wants the person to sign in again."
        }
        Some(Ok(RefreshOutcome::Operator)) => {
            "was tried; the platform's configuration for the provider is at fault."
        }
        Some(Ok(RefreshOutcome::Later)) => "was tried; the provider said to come later.",
        Some(Ok(RefreshOutcome::NotSent)) => "could not be sent; it is tried again.",
        Some(Ok(RefreshOutcome::Unknown)) => "was tried; the answer was lost.",
        Some(Err(_)) | None => "was tried.",
    };
    (TimelineKind::Refresh, format!("{why} {what}"), outcome)
}

fn rotation(outcome: Option<String>) -> Told {
    let sentence = match outcome.as_deref().map(str::parse) {
        Some(Ok(RotationOutcome::InFlight)) => "The token is being replaced by its successor.",
        Some(Ok(RotationOutcome::Rotated)) => "The token was replaced by its successor.",
        Some(Ok(RotationOutcome::Discarded)) => {
            "The token made a successor, but another had been pasted meanwhile."
        }
        Some(Ok(RotationOutcome::Refused)) => {
            "The token was to be replaced by its successor; the provider no longer accepted it."
        }
        Some(Ok(RotationOutcome::Unsupported)) => {
            "The provider does not let this token make a successor; a person must replace it."
        }
        Some(Ok(RotationOutcome::Later)) => {
            "The token was to be replaced by its successor; the provider said to come later."
        }
        Some(Ok(RotationOutcome::NotSent)) => {
            "The token was to be replaced by its successor; nothing was sent, and it is tried again."
        }
        Some(Ok(RotationOutcome::Unknown)) => {
            "The token was to be replaced by its successor, and the answer was lost; the token is asked whether it lives."
        }
        Some(Ok(RotationOutcome::NotRotated)) => {
            "The token was to be replaced by its successor, and the answer was lost; the token lives, and it is tried again."
        }
        Some(Ok(RotationOutcome::Lost)) => {
            "The token was replaced, and the answer with its successor was lost; a person must paste a new one."
        }
        Some(Err(_)) | None => "The token was to be replaced by its successor.",
    };
    (TimelineKind::Rotation, sentence.to_owned(), outcome)
}

fn sync(trigger: &str, status: Option<String>, details: &Map<String, Value>) -> Told {
    let count = |name: &str| details.get(name).and_then(Value::as_i64).unwrap_or(0);
    let which = match trigger.parse() {
        Ok(SyncTrigger::Created) => "The first sync",
        Ok(SyncTrigger::Manual) => "A sync that somebody asked for",
        Ok(SyncTrigger::Scheduled) => "A sync by the clock",
        Ok(SyncTrigger::Webhook) => "A sync that the provider's news asked for",
        Ok(SyncTrigger::Reconnected) => "A sync after the connection had healed",
        Err(_) => "A sync",
    };
    let what = match status.as_deref().map(str::parse) {
        Some(Ok(SyncStatus::Running)) => format!("is under way: {} found.", count("found")),
        Some(Ok(SyncStatus::Succeeded)) => {
            let complete = details.get("complete").and_then(Value::as_bool);
            let rest = match complete {
                Some(true) => "",
                _ => " The listing was not complete, so nothing was removed.",
            };
            format!(
                "found {} repositories: {} added, {} updated, {} removed.{rest}",
                count("found"),
                count("added"),
                count("updated"),
                count("removed")
            )
        }
        Some(Ok(SyncStatus::Failed)) => "failed; nothing was removed.".to_owned(),
        Some(Ok(SyncStatus::Cancelled)) => "was cancelled; nothing was removed.".to_owned(),
        Some(Err(_)) | None => "was made.".to_owned(),
    };
    (TimelineKind::Sync, format!("{which} {what}"), status)
}

fn lease(purpose: &str, outcome: Option<String>, details: &Map<String, Value>) -> Told {
    let of = details.get("repository").and_then(Value::as_str);
    let of = of.map_or_else(String::new, |name| format!(" for {name}"));
    let end = match outcome.as_deref() {
        Some("returned") => "It was given back.",
        Some("open") => "It is not given back yet.",
        _ => "It has ended.",
    };
    let sentence = format!("The credential was lent{of}: {purpose}. {end}");
    (TimelineKind::Lease, sentence, outcome)
}

fn delivery(event: &str, outcome: Option<String>, details: &Map<String, Value>) -> Told {
    let text = |name: &str| details.get(name).and_then(Value::as_str);
    let action = text("action").map_or_else(String::new, |action| format!(" ({action})"));
    let what = match (outcome.as_deref(), text("reason")) {
        (Some("accepted"), _) => "It waits to be handled.".to_owned(),
        (Some("ignored"), Some(why)) => format!("There was nothing to do: {why}."),
        (Some("failed"), Some(why)) => format!("It could not be handled: {why}"),
        _ => "It was handled.".to_owned(),
    };
    let sentence = format!("The provider told of {event}{action}. {what}");
    (TimelineKind::Delivery, sentence, outcome)
}

fn event(word: &str, details: &Map<String, Value>) -> Told {
    let text = |name: &str| details.get(name).and_then(Value::as_str).unwrap_or("?");
    match word.parse() {
        Ok(Event::GitConnectionValidated) => {
            let result = text("validation_result");
            let sentence = match result {
                "valid" => "The provider was asked, and accepts the credential.",
                _ => "The provider was asked, and does not accept the credential.",
            };
            let outcome = Some(result.to_owned());
            (TimelineKind::Validation, sentence.to_owned(), outcome)
        }
        Ok(Event::GitConnectionStatusChanged) => {
            let (from, to) = (text("from"), text("to"));
            let sentence = format!("The status went from {from} to {to} ({}).", text("code"));
            (TimelineKind::StatusChange, sentence, Some(to.to_owned()))
        }
        Ok(Event::GitConnectionExpiring) => {
            let days = details.get("days").and_then(Value::as_i64).unwrap_or(0);
            let what = match text("what") {
                "refresh_token" => "The grant",
                _ => "The token",
            };
            let when = match days {
                1 => "within a day".to_owned(),
                days => format!("in {days} days"),
            };
            let sentence = format!("{what} ends {when}, at {}.", text("expires_at"));
            (TimelineKind::Expiring, sentence, None)
        }
        Ok(Event::GitConnectionCreated) => change("The connection was made."),
        Ok(Event::GitConnectionUpdated) => change(&match fields(details) {
            Some(fields) => format!("The connection was changed: {fields}."),
            None => "The connection was changed.".to_owned(),
        }),
        Ok(Event::GitConnectionDeleted) => change("The connection was deleted."),
        // Other events about a connection: their names are words.
        _ => {
            let words = word.replace('_', " ");
            let mut letters = words.chars();
            let first: String = letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .collect();
            change(&format!("{first}{}.", letters.as_str()))
        }
    }
}

fn fields(details: &Map<String, Value>) -> Option<String> {
    let fields = details.get("changed_fields")?.as_array()?;
    let names: Vec<&str> = fields.iter().filter_map(Value::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn change(sentence: &str) -> Told {
    (TimelineKind::Change, sentence.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_ours_has_a_sentence() {
        let none = Map::new();
        for reason in RefreshReason::ALL {
            for outcome in RefreshOutcome::ALL {
                let (_, sentence, _) = refresh(reason.as_str(), Some(outcome.to_string()));
                assert!(sentence.starts_with("Because ") && sentence.ends_with('.'));
            }
        }
        for trigger in SyncTrigger::ALL {
            for status in SyncStatus::ALL {
                let (_, sentence, _) = sync(trigger.as_str(), Some(status.to_string()), &none);
                assert!(!sentence.starts_with("A sync was made"), "{sentence}");
            }
        }
        let (kind, sentence, _) = event("something_of_tomorrow", &none);
        assert_eq!(
            (kind, sentence.as_str()),
            (TimelineKind::Change, "Something of tomorrow.")
        );
    }
}
