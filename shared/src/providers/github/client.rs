//! One question to GitHub: octocrab builds and carries the request, our own client sends it.
//!
//! Octocrab is given [`Outbound`] as its transport, so guard, limits and redirects hold for
//! whatever it sends. Three of its habits are kept out on purpose. Its own authentication knows
//! one host per client, and leaves the header off where a URL is absolute and not api.github.com;
//! so one client serves all instances and tenants, holds no credential, and each request brings
//! its own `Authorization` to a URL of its own instance. Its retries repeat writes at once; they
//! are not compiled in. Its typed answers hide headers and fail a page for one item; so the raw
//! answer is read.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::ACCEPT;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use octocrab::OctoBody;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde::Serialize;

use super::super::transport::{
    credential_header, failure, if_none_match, metered, no_answer, told, trusting,
};
use super::super::{Access, ErrorClass, ProviderError};
use super::errors;
use crate::clock::Clock;
use crate::outbound::{Outbound, OutboundError, find, rate_limit};

/// Asks instances of GitHub.
pub(super) struct Client {
    octocrab: Octocrab,
    clock: Clock,
    /// How large answers may be that may be larger than others.
    takes: Option<Takes>,
}

/// Bytes of an answer, as a request's extension.
#[derive(Clone, Copy)]
struct Takes(usize);

impl Client {
    /// Must be made inside a Tokio runtime: octocrab keeps a task that hands requests on.
    pub(super) fn new(outbound: Outbound, clock: Clock) -> Self {
        let transport = tower::service_fn(move |request: Request<OctoBody>| {
            let outbound = outbound.clone();
            async move { carry(&outbound, request).await }
        });
        let built = OctocrabBuilder::new_empty()
            .with_service(transport)
            .with_auth(AuthState::None)
            .build();
        let octocrab = match built {
            Ok(octocrab) => octocrab,
            Err(never) => match never {},
        };
        Self {
            octocrab,
            clock,
            takes: None,
        }
    }

    /// The same for answers of up to so many bytes, which is more than others may have.
    pub(super) fn taking(&self, bytes: usize) -> Self {
        Self {
            octocrab: self.octocrab.clone(),
            clock: self.clock.clone(),
            takes: Some(Takes(bytes)),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Gets a path of the instance's API, `query` being its parameters. The answer is a success.
    pub(super) async fn get(
        &self,
        access: &Access,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ProviderError> {
        self.get_if_changed(access, path, query, None).await
    }

    /// The same; where an ETag is given and still holds, the answer is a 304 without a body.
    pub(super) async fn get_if_changed(
        &self,
        access: &Access,
        path: &str,
        query: &[(&str, &str)],
        etag: Option<&str>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let answer = self
            .send::<()>(access, (Method::GET, path), query, None, etag)
            .await?;
        let unchanged = etag.is_some() && answer.status() == StatusCode::NOT_MODIFIED;
        if unchanged || answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refused(access, &Method::GET, path, &answer))
    }

    /// What an answer that is no success means.
    pub(super) fn refused(
        &self,
        access: &Access,
        method: &Method,
        path: &str,
        answer: &Response<Bytes>,
    ) -> ProviderError {
        let mut error = errors::classify(answer, self.now());
        let status = answer.status().as_u16();
        error.detail = told(
            access,
            &format!("{method} {path} answered {status}: {}", error.detail),
        );
        error
    }

    /// One request, whatever is answered.
    pub(super) async fn ask<B: Serialize + ?Sized>(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&B>,
    ) -> Result<Response<Bytes>, ProviderError> {
        self.send(access, (method, path), query, body, None).await
    }

    async fn send<B: Serialize + ?Sized>(
        &self,
        access: &Access,
        (method, path): (Method, &str),
        query: &[(&str, &str)],
        body: Option<&B>,
        etag: Option<&str>,
    ) -> Result<Response<Bytes>, ProviderError> {
        let malformed = || failure(ErrorClass::Unexpected, format!("{path} makes no URL"));
        let mut url = access.instance.api(path).map_err(|_| malformed())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let uri: Uri = url.as_str().parse().map_err(|_| malformed())?;
        let (name, value) = credential_header(access)?;
        let mut builder = Request::builder()
            .method(method)
            .uri(uri)
            .header(name, value)
            .header(ACCEPT, "application/vnd.github+json");
        if let Some((name, value)) = if_none_match(etag) {
            builder = builder.header(name, value);
        }
        let mut request = self
            .octocrab
            .build_request(builder, body)
            .map_err(|error| unanswered(access, &error))?;
        if let Some(takes) = self.takes {
            request.extensions_mut().insert(takes);
        }
        let sent = metered(
            access,
            self.exchange(trusting(request, &access.instance)),
            |answer| {
                let now = self.now();
                let taken =
                    answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED;
                let failure = (!taken).then(|| errors::classify(answer, now));
                (rate_limit::github(answer.headers(), now), failure)
            },
        );
        sent.await?.map_err(|error| unanswered(access, &error))
    }

    async fn exchange(
        &self,
        request: Request<OctoBody>,
    ) -> Result<Response<Bytes>, octocrab::Error> {
        let (head, body) = self.octocrab.execute(request).await?.into_parts();
        let body = body.collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// Octocrab's transport. Its request bodies are whole already, and so are our answers'.
async fn carry(
    outbound: &Outbound,
    request: Request<OctoBody>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut limits = outbound.limits();
    if let Some(Takes(bytes)) = head.extensions.get::<Takes>() {
        limits.body_bytes = *bytes;
    }
    let request = Request::from_parts(head, body);
    let answer = outbound.send_within(request, &limits).await?;
    Ok(answer.map(Full::new))
}

fn unanswered(access: &Access, error: &octocrab::Error) -> ProviderError {
    match find::<OutboundError>(error) {
        Some(outbound) => no_answer(outbound),
        None => failure(ErrorClass::Unexpected, told(access, &error.to_string())),
    }
}
