//! What an App's hook has sent.
//!
//! Source: GitHub REST documentation, "GitHub App webhooks": `GET /app/hook/deliveries`, newest first, by a
//! cursor in the `Link` header; what is older than three days is not kept. A delivery that was sent again
//! stands there once for each attempt, under one `guid`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::super::transport::{failure, object};
use super::super::super::webhook::{AppDeliveries, Recalled, Remembered, RememberedPage, kept};
use super::super::Github;
use super::assertion;
use crate::outbound::link_parameter;
use crate::providers::{App, ErrorClass, ProviderError};

#[derive(Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: DateTime<Utc>,
    status_code: Option<u16>,
}

#[derive(Deserialize)]
struct Detail {
    event: String,
    action: Option<String>,
    delivered_at: DateTime<Utc>,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    headers: Option<BTreeMap<String, String>>,
    payload: Option<Box<RawValue>>,
}

#[async_trait]
impl AppDeliveries for Github {
    async fn remembered(
        &self,
        app: &App,
        from: Option<&str>,
    ) -> Result<RememberedPage, ProviderError> {
        let mut path = "/app/hook/deliveries?per_page=100".to_owned();
        if let Some(cursor) = from {
            path.push_str("&cursor=");
            path.extend(utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        }
        let answer = assertion::ask::<()>(&self.client, app, Method::GET, &path, None).await?;
        let deliveries: Vec<Delivery> = object(&answer)?;
        let next = link_parameter(answer.headers(), "next", "cursor").flatten();
        Ok(RememberedPage {
            deliveries: deliveries
                .into_iter()
                .map(|one| Remembered {
                    number: one.id.to_string(),
                    delivery_id: one.guid,
                    sent_at: one.delivered_at,
                    arrived: one
                        .status_code
                        .is_some_and(|code| (200..300).contains(&code)),
                })
                .collect(),
            next,
        })
    }

    async fn recall(&self, app: &App, number: &str) -> Result<Recalled, ProviderError> {
        let number: u64 = number
            .parse()
            .map_err(|_| failure(ErrorClass::NotFound, "no number of a delivery"))?;
        let path = format!("/app/hook/deliveries/{number}");
        let answer = assertion::ask::<()>(&self.client, app, Method::GET, &path, None).await?;
        let detail: Detail = object(&answer)?;
        let told = detail.request.headers.unwrap_or_default();
        let headers: http::HeaderMap = told
            .iter()
            .filter_map(|(name, value)| {
                let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, http::HeaderValue::from_str(value).ok()?))
            })
            .collect();
        let mut headers = kept(&headers);
        // What is told here is the payload, whatever form it was sent in.
        headers
            .0
            .insert("content-type".to_owned(), "application/json".to_owned());
        headers
            .0
            .insert("x-github-event".to_owned(), detail.event.clone());
        headers
            .0
            .insert("delivered-at".to_owned(), detail.delivered_at.to_rfc3339());
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
}
