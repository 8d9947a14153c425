//! Deliveries of webhooks: whose they are, and what they say.
//!
//! Needs: what arrives is believed only by its signature over the bytes as they came; a provider's way
//! of signing has one place; a delivery is stored before anybody reads it.
//! Design: [`Webhooks`] beside [`Provider`](super::Provider): it asks nobody and keeps nothing. First
//! [`verify`](Webhooks::verify), then [`envelope`](Webhooks::envelope), which reads no more than storing
//! needs; what the content means is read by the job that handles it.

mod event;
mod headers;
mod hooks;
mod paths;
mod signature;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use event::{
    BranchMove, Happening, HookEvent, InstallationChange, PullRequest, PullRequestChange, Push,
    RepositoryChange, ToldRepository,
};
pub(super) use event::{branch, commit, moment};
pub(super) use headers::{header, kept, listed};
pub use hooks::{
    AppDeliveries, HookDeliveries, HookPlace, HookSpec, HookStanding, Hooks, PutHook, Recalled,
    Remembered, RememberedPage,
};
pub(super) use paths::{CommitPaths, touched};
pub(super) use signature::{hex_hmac, is_same, standard};

use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;

/// Longest name that is kept of an event, an action or an id, in bytes; the rest is cut off.
const LONGEST_NAME: usize = 400;

/// How a delivery proved whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its id and time are signed too (Standard Webhooks): whoever has seen one cannot make another
    /// of it.
    pub id_signed: bool,
}

/// What is known of the sender beside its secrets.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The present moment, where a signature has a time.
    pub now: DateTime<Utc>,
    /// The sender is known to sign: a secret alone proves nothing any more.
    pub signs: bool,
}

/// A delivery as far as it has to be read to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The provider's id of it; `None` where it gave none.
    pub delivery_id: Option<String>,
    /// Whether that id is part of the body.
    pub id_in_body: bool,
    /// The provider's name of the event.
    pub event: String,
    /// The action within it.
    pub action: Option<String>,
    /// What is kept of the headers.
    pub headers: DeliveryHeaders,
}

/// Why a delivery cannot be read; a sentence for whoever sends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What a provider's deliveries are like. All of it is pure.
pub trait Webhooks: Send + Sync {
    /// Checks a delivery's bytes as they came against secrets, in constant time. `None`: it is not
    /// proven, or has nothing that could prove it.
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&Secret],
        expected: Expected,
    ) -> Option<Proof>;

    /// Reads what storing needs. The body was verified.
    ///
    /// # Errors
    /// [`Malformed`] where it is no JSON object, or the event is not named.
    fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Malformed>;

    /// Reads what a delivery means, from what is kept of it.
    ///
    /// # Errors
    /// [`Malformed`] where what an effect hangs on is missing.
    fn read(&self, headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed>;

    /// The names of the events that a hook should send, as the provider's settings name them.
    fn events(&self) -> &'static [&'static str];
}

/// The one member of a body that is read while it is checked to be a JSON object.
#[derive(Deserialize)]
struct Routing<'a> {
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
}

/// The `action` of a body that must be a JSON object.
pub(super) fn action_of(body: &[u8]) -> Result<Option<String>, Malformed> {
    let routing: Routing<'_> = object(body)?;
    Ok(routing.action.and_then(text))
}

/// A body that must be a JSON object.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    // A list would pass for an object with its members in order.
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') {
        return Err(Malformed("The body is no JSON object.".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| {
        Malformed(format!(
            "The body is no JSON object: it breaks at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}

/// The same to be acted on: without U+0000, which JSON may write in any text and Postgres takes in none.
/// Whoever has the secret may send one; a job that stores or looks it up would fail for ever.
pub(super) fn told<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    object(&without_nul(body))
}

/// A JSON text without the escape of U+0000.
fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    const NUL: &[u8] = b"\\u0000";
    if !body.windows(NUL.len()).any(|part| part == NUL) {
        return Cow::Borrowed(body);
    }
    let (mut kept, mut rest) = (Vec::with_capacity(body.len()), body);
    while !rest.is_empty() {
        // A backslash and what follows it belong together: of two, the second begins nothing.
        let step = if rest[0] == b'\\' {
            rest.len().min(2)
        } else {
            1
        };
        if rest.starts_with(NUL) {
            rest = &rest[NUL.len()..];
        } else {
            kept.extend_from_slice(&rest[..step]);
            rest = &rest[step..];
        }
    }
    Cow::Owned(kept)
}

/// A name out of a JSON text; `None` where it is none.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).ok()?;
    name(&text)
}

/// A name that can be stored: without control characters, not empty, not too long.
pub(super) fn name(text: &str) -> Option<String> {
    let mut name: String = text.chars().filter(|c| !c.is_control()).collect();
    if name.len() > LONGEST_NAME {
        let end = name.floor_char_boundary(LONGEST_NAME);
        name.truncate(end);
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
