//! What both adapters do with a request and an answer: present the credential, read what went
//! wrong on the way, decode a list item by item.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Access, ErrorClass, ProviderError, Scheme, Undecodable};
use crate::domain::meter::{HeldBack, Reading, Standing};
use crate::domain::provider::Instance;
use crate::domain::quota::RateLimit;
use crate::domain::secret::ExposeSecret;
use crate::outbound::OutboundError;

/// Longest text of a provider that is kept in [`ProviderError::detail`], in characters.
const LONGEST_DETAIL: usize = 300;

/// The header that carries a credential.
pub(super) fn credential_header(
    access: &Access,
) -> Result<(HeaderName, HeaderValue), ProviderError> {
    let token = access.token.expose_secret();
    // The access of an App's session, which has a token only where its own adapter brought one.
    if token.is_empty() && access.scheme == Scheme::Installation {
        return Err(failure(
            ErrorClass::Unexpected,
            "no token was minted for this question",
        ));
    }
    let (name, text) = match access.scheme {
        Scheme::Bearer | Scheme::Installation => (
            AUTHORIZATION,
            zeroize::Zeroizing::new(format!("Bearer {token}")),
        ),
        Scheme::PrivateToken => (
            HeaderName::from_static("private-token"),
            zeroize::Zeroizing::new(token.to_owned()),
        ),
        Scheme::Basic => {
            let user = access.username.as_deref().unwrap_or_default();
            let pair = zeroize::Zeroizing::new(format!("{user}:{token}"));
            let encoded = zeroize::Zeroizing::new(base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                pair.as_bytes(),
            ));
            (
                AUTHORIZATION,
                zeroize::Zeroizing::new(format!("Basic {}", *encoded)),
            )
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        failure(
            ErrorClass::Unauthorized,
            "the token holds characters that no header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The header that asks for an answer only where it is another one than this ETag's; none for an
/// ETag that no header can carry.
pub(super) fn if_none_match(etag: Option<&str>) -> Option<(HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(etag?).ok()?;
    Some((IF_NONE_MATCH, value))
}

/// The ETag of an answer.
pub(super) fn etag<B>(answer: &Response<B>) -> Option<String> {
    let tag = answer.headers().get(ETAG)?.to_str().ok()?.trim();
    (!tag.is_empty()).then(|| tag.to_owned())
}

/// A request that trusts the instance's own authority, where it has one.
pub(super) fn trusting<B>(mut request: Request<B>, instance: &Instance) -> Request<B> {
    if let Some(certificate) = &instance.certificate {
        request.extensions_mut().insert(certificate.clone());
    }
    request
}

/// Sends a request when its turn has come, and tells what came of it. `read` says what an answer's
/// headers tell of the window, and why it is a failure where it is one.
pub(super) async fn metered<E>(
    access: &Access,
    send: impl Future<Output = Result<Response<Bytes>, E>>,
    read: impl FnOnce(&Response<Bytes>) -> (RateLimit, Option<ProviderError>),
) -> Result<Result<Response<Bytes>, E>, ProviderError> {
    let leave = access.meter.clone().leave().await.map_err(held_back)?;
    let answer = send.await;
    let reading = match &answer {
        Err(_) => Reading::default(),
        Ok(answer) => {
            let (rate_limit, failure) = read(answer);
            let standing = failure.as_ref().map_or(Standing::Accepted, standing);
            // A refusal may come with the window of those who bring no credential.
            let tells = failure.is_none_or(|error| error.class == ErrorClass::RateLimited);
            Reading {
                rate_limit: if tells {
                    rate_limit
                } else {
                    RateLimit::default()
                },
                standing,
            }
        }
    };
    leave.told(reading).await;
    Ok(answer)
}

/// What a failure says of the credential.
fn standing(error: &ProviderError) -> Standing {
    match error.class {
        ErrorClass::Unauthorized => Standing::Refused,
        ErrorClass::RateLimited => Standing::Limited(error.retry_at),
        // Its owner is known to the host.
        ErrorClass::Forbidden
        | ErrorClass::ScopeMissing
        | ErrorClass::SsoBlocked
        | ErrorClass::Suspended
        | ErrorClass::Uninstalled
        | ErrorClass::NotFound => Standing::Accepted,
        ErrorClass::Operator
        | ErrorClass::Unavailable
        | ErrorClass::Unreachable
        | ErrorClass::Blocked
        | ErrorClass::Unexpected => Standing::Untold,
    }
}

/// Why nothing was asked.
fn held_back(why: HeldBack) -> ProviderError {
    match why {
        HeldBack::Until(at) => ProviderError::held_back(at),
        HeldBack::Refused => failure(
            ErrorClass::Unauthorized,
            "the same credential was refused a moment ago",
        ),
    }
}

/// A failure without an answer behind it.
pub(super) fn failure(class: ErrorClass, detail: impl Into<String>) -> ProviderError {
    ProviderError {
        class,
        status: None,
        detail: detail.into(),
        retry_at: None,
        action_url: None,
    }
}

/// What a missing answer means.
pub(super) fn no_answer(error: &OutboundError) -> ProviderError {
    let (class, status) = match error {
        OutboundError::Url(_)
        | OutboundError::Blocked(_)
        | OutboundError::ForeignRedirect { .. } => (ErrorClass::Blocked, None),
        OutboundError::NotResolved { .. }
        | OutboundError::NotConnected { .. }
        | OutboundError::TimedOut { .. }
        | OutboundError::Cut { .. } => (ErrorClass::Unreachable, None),
        OutboundError::BodyCut { status, .. } => (ErrorClass::Unavailable, Some(*status)),
        OutboundError::TooManyRedirects { .. } => (ErrorClass::Unexpected, None),
        OutboundError::TooLarge { status, .. } => (ErrorClass::Unexpected, Some(*status)),
    };
    ProviderError {
        status,
        ..failure(class, error.to_string())
    }
}

/// What one line of text may keep of a provider's words: one line, shortened, without the token.
pub(super) fn told(access: &Access, text: &str) -> String {
    let token = access.token.expose_secret();
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = if token.is_empty() {
        line
    } else {
        line.replace(token, "[token]")
    };
    shorten(&line)
}

/// At most the beginning of a text.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether a body says that it is JSON.
pub(super) fn is_json<B>(answer: &Response<B>) -> bool {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
            || kind.to_ascii_lowercase().ends_with("+json")
    })
}

/// A body that should be one object. What is not JSON at all is the host's failure (a sign-in
/// page, a proxy's apology); what is JSON of another shape is not understood.
pub(super) fn object<'a, T: Deserialize<'a>>(
    answer: &'a Response<Bytes>,
) -> Result<T, ProviderError> {
    serde_json::from_slice(answer.body()).map_err(|error| undecodable(answer, &error))
}

/// The items of a list that could be read, and for each other one its id where known, and why:
/// one repository that a vendor's new field breaks must not hide the rest of its page.
pub(super) struct Items<T> {
    /// In their order.
    pub(super) read: Vec<T>,
    /// For operators.
    pub(super) unread: Vec<Undecodable>,
    /// Items in all.
    pub(super) count: usize,
    /// The id of the last one that has one.
    pub(super) last_id: Option<u64>,
}

impl<T> Items<T> {
    /// Of an answer without a body.
    pub(super) fn none() -> Self {
        Self {
            read: Vec::new(),
            unread: Vec::new(),
            count: 0,
            last_id: None,
        }
    }
}

/// An item of a list.
pub(super) trait Numbered {
    /// The provider's number of it, where that is read.
    fn number(&self) -> Option<u64> {
        None
    }
}

/// A body that should be a list.
pub(super) fn items<T: DeserializeOwned + Numbered>(
    answer: &Response<Bytes>,
) -> Result<Items<T>, ProviderError> {
    list(answer, answer.body())
}

/// The same where the list is a part of the body.
pub(super) fn read_items<T: DeserializeOwned + Numbered>(
    answer: &Response<Bytes>,
    part: &RawValue,
) -> Result<Items<T>, ProviderError> {
    list(answer, part.get().as_bytes())
}

fn list<T: DeserializeOwned + Numbered>(
    answer: &Response<Bytes>,
    text: &[u8],
) -> Result<Items<T>, ProviderError> {
    // A page of repositories is half a megabyte: it is read once, and item by item only where one of them
    // cannot be read.
    if let Ok(read) = serde_json::from_slice::<Vec<T>>(text) {
        return Ok(Items {
            unread: Vec::new(),
            count: read.len(),
            last_id: read.last().and_then(T::number),
            read,
        });
    }
    one_by_one(answer, text)
}

fn one_by_one<T: DeserializeOwned>(
    answer: &Response<Bytes>,
    text: &[u8],
) -> Result<Items<T>, ProviderError> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: Option<u64>,
    }
    let raw: Vec<&RawValue> =
        serde_json::from_slice(text).map_err(|error| undecodable(answer, &error))?;
    let mut items = Items {
        read: Vec::new(),
        unread: Vec::new(),
        count: raw.len(),
        last_id: None,
    };
    let id_of = |item: &RawValue| {
        let only = serde_json::from_str::<OnlyId>(item.get()).ok();
        only.and_then(|only| only.id)
    };
    items.last_id = raw.iter().rev().find_map(|item| id_of(item));
    for (place, item) in raw.into_iter().enumerate() {
        match serde_json::from_str(item.get()) {
            Ok(read) => items.read.push(read),
            Err(error) => {
                let id = id_of(item);
                let which = id.map_or(format!("item {place}"), |id| format!("id {id}"));
                let detail = shorten(&format!("{which}: {error}"));
                items.unread.push(Undecodable {
                    id: id.map(|id| id.to_string()),
                    detail,
                });
            }
        }
    }
    Ok(items)
}

/// What a body means that could not be read.
pub(super) fn undecodable(answer: &Response<Bytes>, error: &serde_json::Error) -> ProviderError {
    let (class, what) = if error.is_data() {
        (ErrorClass::Unexpected, "an answer of an unknown shape")
    } else {
        (ErrorClass::Unavailable, "an answer that is not the API's")
    };
    ProviderError {
        status: Some(answer.status().as_u16()),
        ..failure(class, shorten(&format!("{what}: {error}")))
    }
}

/// A time that is not before now: a host's clock may lag behind ours.
pub(super) fn not_past(at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    at.max(now)
}
