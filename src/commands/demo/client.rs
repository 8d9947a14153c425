//! A client of Mooring's HTTP API, over the same bounded HTTP client that everything uses.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use shared::domain::secret::{ExposeSecret, Secret};
use shared::outbound::{Limits, Outbound};

use crate::exit::Failure;

/// Calls one service with one token.
pub struct Client {
    outbound: Outbound,
    base: String,
    token: Secret,
}

impl Client {
    /// For the service that is [`reached`] there.
    pub fn new(reached: SocketAddr, token: Secret) -> Result<Self, Failure> {
        let allow = reached.to_string().parse();
        let allow = allow
            .map_err(|error| Failure::failed(format!("{reached} cannot be reached: {error}")))?;
        let outbound = Outbound::new(allow, Limits::API);
        Ok(Self {
            outbound: outbound.map_err(|error| Failure::failed(error.to_string()))?,
            base: format!("http://{reached}/api/v1"),
            token,
        })
    }

    /// `GET`; the answer of a success.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// `POST`; the answer of a success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PATCH`; the answer of a success.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE` of what is there.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let failed = |why: String| Failure::failed(format!("{method} {path}: {why}"));
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, bearer);
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json");
            bytes = serde_json::to_vec(body)
                .map_err(|error| failed(error.to_string()))?
                .into();
        }
        let request = request
            .body(bytes)
            .map_err(|error| failed(error.to_string()))?;
        let answer = self
            .outbound
            .send(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        let detail = json
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Err(failed(format!("answered {status} {detail}")))
    }
}

/// Where a service that listens at `address` is reached from this machine.
pub fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// A field of an answer that has to be there. An error names the field alone: an answer may carry
/// a secret.
pub fn text(answer: &Value, field: &str) -> Result<String, Failure> {
    let text = answer.get(field).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::failed(format!("the answer has no {field}")))
}
