//! What token endpoints answer, as far as it is the same for all: RFC 6749's refusal, a pair of
//! tokens, "later", and what is none of these.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Response;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::oauth::{Grant, GrantErrorClass};
use super::super::transport::is_json;
use crate::domain::secret::Secret;
use crate::outbound::rate_limit;

/// Where a provider says "later" and names no time.
const UNTOLD_WAIT: TimeDelta = TimeDelta::seconds(60);
/// The longest code of an error that is kept.
const LONGEST_CODE: usize = 64;

/// An answer, with what its times are counted from.
pub(in super::super) struct Reply {
    pub(in super::super) answer: Response<Bytes>,
    /// Before the request left: a lifetime that is counted from here ends too early, not too late.
    pub(in super::super) asked_at: DateTime<Utc>,
    /// When it was there.
    pub(in super::super) now: DateTime<Utc>,
}

/// What a provider's table makes of an answer that is no grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Refused {
    pub(in super::super) class: GrantErrorClass,
    pub(in super::super) code: Option<String>,
    pub(in super::super) description: String,
    pub(in super::super) retry_at: Option<DateTime<Utc>>,
}

/// A refusal as RFC 6749 §5.2 forms it.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Refusal {
    pub(in super::super) error: String,
    #[serde(default)]
    pub(in super::super) error_description: Option<String>,
    /// Entra's numbers.
    #[serde(default)]
    pub(in super::super) error_codes: Vec<u64>,
}

/// What the codes of RFC 6749 and OpenID Connect mean where a provider gives them no other sense.
pub(in super::super) fn standard(error: &str) -> GrantErrorClass {
    match error {
        "invalid_grant" => GrantErrorClass::Refused,
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_request"
        | "redirect_uri_mismatch" => GrantErrorClass::Operator,
        "interaction_required"
        | "login_required"
        | "consent_required"
        | "account_selection_required" => GrantErrorClass::InteractionRequired,
        "temporarily_unavailable" | "slow_down" => GrantErrorClass::Later,
        _ => GrantErrorClass::Unknown,
    }
}

impl Reply {
    pub(in super::super) fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    pub(in super::super) fn body(&self) -> &[u8] {
        self.answer.body()
    }

    /// The refusal in a body, where it is one. What a failing host says (5xx) is none, but for
    /// 503, which may be the endpoint's own.
    pub(in super::super) fn refusal(&self, body: &[u8]) -> Option<Refusal> {
        if self.answer.status().is_server_error() && self.status() != 503 {
            return None;
        }
        let refusal: Refusal = serde_json::from_slice(body).ok()?;
        (!refusal.error.is_empty()).then_some(refusal)
    }

    /// A refusal of this class, with this code where the body's own is not the one that tells.
    pub(in super::super) fn refused(
        &self,
        refusal: Refusal,
        class: GrantErrorClass,
        code: Option<String>,
    ) -> Refused {
        let code = code.unwrap_or(refusal.error);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        let kept = code.len() <= LONGEST_CODE && code.chars().all(plain);
        let description = refusal.error_description.unwrap_or_default();
        let refused = match class {
            GrantErrorClass::Later => self.later(None, &description),
            _ => Refused {
                class,
                code: None,
                description,
                retry_at: None,
            },
        };
        Refused {
            code: kept.then_some(code),
            ..refused
        }
    }

    /// The pair in the body of a success.
    pub(in super::super) fn pair(&self, body: &[u8]) -> Option<Pair> {
        let pair: Pair = serde_json::from_slice(body).ok()?;
        let complete = self.answer.status().is_success() && !pair.access_token.is_empty();
        complete.then_some(pair)
    }

    /// 429 is "later" in whatever words.
    pub(in super::super) fn throttled(&self) -> Option<Refused> {
        (self.status() == 429).then(|| self.later(None, "too many requests"))
    }

    /// A definite "later".
    pub(in super::super) fn later(&self, at: Option<DateTime<Utc>>, description: &str) -> Refused {
        let told = at.or_else(|| rate_limit::retry_after(self.answer.headers(), self.now));
        Refused {
            class: GrantErrorClass::Later,
            code: None,
            description: description.to_owned(),
            retry_at: Some(told.unwrap_or(self.now + UNTOLD_WAIT)),
        }
    }

    /// Not in the endpoint's own format. Its text is not kept: it might be a pair of tokens.
    pub(in super::super) fn unknown(&self) -> Refused {
        let kind = self.answer.headers().get(CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("nothing");
        Refused {
            class: GrantErrorClass::Unknown,
            code: None,
            description: format!(
                "{} bytes of {kind}, which are no answer of a token endpoint",
                self.body().len()
            ),
            retry_at: None,
        }
    }

    pub(in super::super) fn is_json(&self) -> bool {
        is_json(&self.answer)
    }

    /// A form, as GitHub answers to whom it does not believe to accept JSON.
    pub(in super::super) fn is_form(&self) -> bool {
        let kind = self.answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }
}

/// A pair of tokens as the endpoints write it, each field where a provider has it.
#[derive(Deserialize)]
pub(in super::super) struct Pair {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_token_expires_in: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    pub(in super::super) created_at: Option<i64>,
    #[serde(default)]
    pub(in super::super) scope: Option<String>,
    #[serde(default)]
    pub(in super::super) scopes: Option<String>,
}

/// Numbers come as numbers and as texts; what is neither tells nothing.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

impl Pair {
    pub(in super::super) fn starts_with(&self, prefix: &str) -> bool {
        self.access_token.starts_with(prefix)
    }

    /// The grant, its lifetimes counted from `base`.
    pub(in super::super) fn grant(self, base: DateTime<Utc>, scopes: Option<Vec<String>>) -> Grant {
        let end = |seconds: Option<i64>| {
            let life = TimeDelta::try_seconds(seconds?.max(0))?;
            base.checked_add_signed(life)
        };
        Grant {
            expires_at: end(self.expires_in),
            refresh_expires_at: end(self.refresh_token_expires_in),
            access_token: Secret::from(self.access_token),
            refresh_token: self
                .refresh_token
                .filter(|token| !token.is_empty())
                .map(Secret::from),
            scopes,
        }
    }
}

/// The scopes of a text that spaces part, and commas where `commas`.
pub(in super::super) fn scopes(text: &str, commas: bool) -> Vec<String> {
    let parted = |c: char| c.is_whitespace() || (commas && c == ',');
    let words = text.split(parted).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
