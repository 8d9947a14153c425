//! Keys over the one HTTP client, with its guard and its bounds.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, header};
use url::Url;

use super::jwks::{FetchKeys, KeysError};
use crate::outbound::{Limits, Outbound};

/// A key set is small, and somebody waits for it.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    deadline: Duration::from_secs(5),
    body_bytes: 1024 * 1024,
    redirects: 2,
};

#[async_trait]
impl FetchKeys for Outbound {
    async fn fetch(&self, url: &Url) -> Result<Bytes, KeysError> {
        let request = Request::get(url.as_str())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Bytes::new())
            .map_err(|error| KeysError(error.to_string()))?;
        let answer = self
            .send_within(request, &LIMITS)
            .await
            .map_err(|error| KeysError(error.to_string()))?;
        if answer.status().is_success() {
            Ok(answer.into_body())
        } else {
            Err(KeysError(format!("answered {}", answer.status())))
        }
    }
}
