//! What is kept of a delivery's headers.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::domain::webhook::DeliveryHeaders;

/// Longest value that is kept, in bytes.
const LONGEST: usize = 1024;
/// Most headers that are kept.
const MOST: usize = 48;
const HIDDEN: &str = "[redacted]";

/// The value of a header that is there once; a header that is there twice proves nothing.
pub(in crate::providers) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}

/// The headers that providers send, secrets hidden.
pub(in crate::providers) fn kept(headers: &HeaderMap) -> DeliveryHeaders {
    let mut kept = DeliveryHeaders::default();
    for name in headers.keys().filter(|name| is_kept(name)).take(MOST) {
        let value = match name.as_str() {
            "authorization" | "x-gitlab-token" => Some(HIDDEN),
            _ => headers.get(name).and_then(|value| value.to_str().ok()),
        };
        if let Some(value) = value {
            let end = value.floor_char_boundary(LONGEST);
            kept.0
                .insert(name.as_str().to_owned(), value[..end].to_owned());
        }
    }
    kept
}

/// Headers as a provider lists them.
pub(in crate::providers) fn listed(told: &BTreeMap<String, String>) -> HeaderMap {
    told.iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        })
        .collect()
}

fn is_kept(name: &HeaderName) -> bool {
    const BEGINNINGS: [&str; 7] = [
        "x-github-",
        "x-gitlab-",
        "x-hub-",
        "x-hook-",
        "x-event-",
        "webhook-",
        "x-request-uuid",
    ];
    const NAMES: [HeaderName; 3] = [
        header::CONTENT_TYPE,
        header::USER_AGENT,
        header::AUTHORIZATION,
    ];
    NAMES.contains(name)
        || matches!(name.as_str(), "idempotency-key" | "x-attempt-number")
        || BEGINNINGS
            .iter()
            .any(|beginning| name.as_str().starts_with(beginning))
}
