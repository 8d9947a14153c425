//! One question to GitLab: the `gitlab` crate's endpoints say what is asked, our own client asks.
//!
//! The crate's own client takes no transport of ours, follows redirects, hides headers and asks
//! `/user` for every token. Its endpoints are generic over a trait, though, which is what is
//! implemented here, for one credential and its instance at a time. Paging is ours, because the
//! crate's keeps the headers to itself.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use gitlab::api::{ApiError, AsyncClient, Endpoint, RestClient};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use url::Url;

use super::super::transport::{
    credential_header, failure, if_none_match, metered, no_answer, told, trusting,
};
use super::super::{Access, ErrorClass, ProviderError};
use super::errors;
use crate::clock::Clock;
use crate::outbound::{Outbound, OutboundError, rate_limit};

/// Asks instances of GitLab.
pub(super) struct Client {
    outbound: Outbound,
    clock: Clock,
}

impl Client {
    pub(super) fn new(outbound: Outbound, clock: Clock) -> Self {
        Self { outbound, clock }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Asks an endpoint; `paging` is added to its own parameters. The answer is a success.
    pub(super) async fn ask(
        &self,
        access: &Access,
        endpoint: &(impl Endpoint + Sync),
        paging: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ProviderError> {
        self.ask_if_changed(access, endpoint, paging, None).await
    }

    /// The same; where an ETag is given and still holds, the answer is a 304 without a body.
    pub(super) async fn ask_if_changed(
        &self,
        access: &Access,
        endpoint: &(impl Endpoint + Sync),
        paging: &[(&str, &str)],
        etag: Option<&str>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let path = endpoint.endpoint();
        let session = Session {
            client: self,
            access,
            etag,
        };
        let answer = session
            .send(endpoint, paging)
            .await
            .map_err(|error| match error {
                ApiError::Client {
                    source: Fault::NoAnswer(error),
                } => no_answer(&error),
                ApiError::Client {
                    source: Fault::Credential(error),
                } => error,
                other => failure(ErrorClass::Unexpected, told(access, &other.to_string())),
            })?;
        let unchanged = etag.is_some() && answer.status() == StatusCode::NOT_MODIFIED;
        if unchanged || answer.status().is_success() {
            return Ok(answer);
        }
        let mut error = errors::classify(&answer, self.now());
        let (method, status) = (endpoint.method(), answer.status().as_u16());
        error.detail = told(
            access,
            &format!("{method} /{path} answered {status}: {}", error.detail),
        );
        Err(error)
    }
}

/// The crate's client for one credential.
struct Session<'a> {
    client: &'a Client,
    access: &'a Access,
    etag: Option<&'a str>,
}

/// Why the crate's client has no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    NoAnswer(#[from] OutboundError),
    #[error(transparent)]
    Credential(#[from] ProviderError),
}

impl Session<'_> {
    async fn send(
        &self,
        endpoint: &(impl Endpoint + Sync),
        paging: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ApiError<Fault>> {
        let mut url = endpoint
            .url_base()
            .endpoint_for(self, &endpoint.endpoint())?;
        endpoint.parameters().add_to_url(&mut url);
        if !paging.is_empty() {
            url.query_pairs_mut().extend_pairs(paging);
        }
        let mut request = Request::builder()
            .method(endpoint.method())
            .uri(url.as_str());
        let body = match endpoint.body()? {
            None => Vec::new(),
            Some((kind, body)) => {
                request = request.header(CONTENT_TYPE, kind);
                body
            }
        };
        self.rest_async(request, body).await
    }
}

impl RestClient for Session<'_> {
    type Error = Fault;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Fault>> {
        Ok(self.access.instance.api(&format!("/{endpoint}"))?)
    }
}

#[async_trait]
impl AsyncClient for Session<'_> {
    async fn rest_async(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, ApiError<Fault>> {
        let fault = |fault: Fault| ApiError::client(fault);
        let (name, value) =
            credential_header(self.access).map_err(|error| fault(Fault::Credential(error)))?;
        let mut request = request.header(name, value);
        if let Some((name, value)) = if_none_match(self.etag) {
            request = request.header(name, value);
        }
        let request = request
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body))
            .map_err(|error| {
                let error = failure(ErrorClass::Unexpected, error.to_string());
                fault(Fault::Credential(error))
            })?;
        let client = self.client;
        let sent = client
            .outbound
            .send(trusting(request, &self.access.instance));
        let sent = metered(self.access, sent, |answer| {
            let now = client.now();
            let taken = answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED;
            let failure = (!taken).then(|| errors::classify(answer, now));
            (rate_limit::gitlab(answer.headers(), now), failure)
        });
        sent.await
            .map_err(|error| fault(Fault::Credential(error)))?
            .map_err(|error| fault(Fault::NoAnswer(error)))
    }
}

/// An endpoint that its builder could not make: a required part is missing.
pub(super) fn unbuildable(error: impl std::fmt::Display) -> ProviderError {
    failure(
        ErrorClass::Unexpected,
        format!("the question could not be put: {error}"),
    )
}
