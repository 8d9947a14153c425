//! What a hook has sent, be it an App's or a repository's: both lists have one form.
//!
//! Source: GitHub REST documentation, "GitHub App webhooks" and "Repository webhooks": `…/deliveries`,
//! newest first, by a cursor in the `Link` header; what is older than three days is not kept. A delivery
//! that was sent again stands there once for each attempt, under one `guid`. One alone shows its request.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::transport::{failure, object};
use super::super::webhook::{Recalled, Remembered, RememberedPage, kept, listed};
use crate::outbound::link_parameter;
use crate::providers::{ErrorClass, ProviderError};

/// An answer with one delivery, in bytes: a payload has up to 25 MB.
pub(super) const LARGEST: usize = 32 << 20;

#[derive(Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: DateTime<Utc>,
    status_code: Option<u16>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    event: String,
    action: Option<String>,
    delivered_at: DateTime<Utc>,
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    headers: Option<BTreeMap<String, String>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// The path of a page of a list.
pub(super) fn page_of(list: &str, from: Option<&str>) -> String {
    let mut path = format!("{list}?per_page=100");
    if let Some(cursor) = from {
        path.push_str("&cursor=");
        path.extend(utf8_percent_encode(cursor, NON_ALPHANUMERIC));
    }
    path
}

/// The path of one delivery of a list.
pub(super) fn one_of(list: &str, number: &str) -> Result<String, ProviderError> {
    let number: u64 = number
        .parse()
        .map_err(|_| failure(ErrorClass::NotFound, "no number of a delivery"))?;
    Ok(format!("{list}/{number}"))
}

/// A page as it was answered.
pub(super) fn page(answer: &Response<Bytes>) -> Result<RememberedPage, ProviderError> {
    let deliveries: Vec<Delivery> = object(answer)?;
    Ok(RememberedPage {
        next: link_parameter(answer.headers(), "next", "cursor").flatten(),
        cut: false,
        deliveries: deliveries
            .into_iter()
            .map(|one| Remembered {
                number: one.id.to_string(),
                delivery_id: one.guid,
                sent_at: Some(one.delivered_at),
                arrived: one.status_code.is_some_and(is_success),
                content: None,
            })
            .collect(),
    })
}

/// Whether a status says that a delivery was taken.
pub(super) fn is_success(code: u16) -> bool {
    (200..300).contains(&code)
}

/// One delivery as it was answered.
pub(super) fn recalled(answer: &Response<Bytes>) -> Result<Recalled, ProviderError> {
    let detail: Detail<'_> = object(answer)?;
    let mut headers = kept(&listed(&detail.request.headers.unwrap_or_default()));
    // What is told here is the payload, whatever form it was sent in.
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("x-github-event", detail.event.clone()),
        ("delivered-at", detail.delivered_at.to_rfc3339()),
    ] {
        headers.0.insert(name.to_owned(), value);
    }
    let body = detail
        .request
        .payload
        .map(|raw| raw.get().as_bytes().to_vec());
    Ok(Recalled {
        event: detail.event,
        action: detail.action,
        headers,
        body: body.unwrap_or_else(|| b"{}".to_vec()),
    })
}
