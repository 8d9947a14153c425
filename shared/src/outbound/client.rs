//! The client: guard, transport, redirects, bounds, in this order, around every request.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use tokio::time::{Instant, timeout};
use tracing::Instrument;
use url::Url;

use super::certificate::OwnAuthorities;
use super::error::OutboundError;
use super::limits::Limits;
use super::memory::Memory;
use super::redirect::{Step, step};
use super::resolver::{GuardedResolver, Lookup, SystemLookup};
use super::target::{Route, UrlError, check_url, route};
use crate::domain::ca_certificate::CaCertificate;
use crate::domain::outbound_allow::OutboundAllow;

/// How we present ourselves.
const AGENT: &str = concat!("mooring/", env!("CARGO_PKG_VERSION"));

/// Requests that an answer took, redirects included: an extension of every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests(pub u32);

impl Requests {
    /// The requests behind an answer.
    #[must_use]
    pub fn behind<B>(answer: &Response<B>) -> u32 {
        answer
            .extensions()
            .get::<Self>()
            .map_or(1, |requests| requests.0)
    }
}

/// The HTTP client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
    memory: Option<Arc<Memory>>,
}

/// What becomes of a redirect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirects {
    /// Followed for reading, within one origin.
    Followed,
    /// It is the answer.
    Answers,
}

struct Inner {
    allow: Arc<OutboundAllow>,
    limits: Limits,
    lookup: Arc<dyn Lookup>,
    own: OwnAuthorities,
    public: reqwest::Client,
    listed: Option<reqwest::Client>,
    named: Option<reqwest::Client>,
}

/// The client cannot be built: no certificates of authorities on this machine, most likely.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot start (are the certificates of the authorities installed?): {0}")]
pub struct OutboundBuildError(#[from] reqwest::Error);

impl Outbound {
    /// A client that reaches public addresses and what `allow` opens.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(allow: OutboundAllow, limits: Limits) -> Result<Self, OutboundBuildError> {
        Self::with_lookup(allow, limits, Arc::new(SystemLookup))
    }

    /// The same with another source of addresses.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn with_lookup(
        allow: OutboundAllow,
        limits: Limits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, OutboundBuildError> {
        let allow = Arc::new(allow);
        let client = |route| {
            let resolver = GuardedResolver {
                route,
                allow: allow.clone(),
                lookup: lookup.clone(),
            };
            transport(resolver, &limits, Vec::new())
        };
        let public = client(Route::Public)?;
        let listed = allow
            .has_networks()
            .then(|| client(Route::Listed))
            .transpose()?;
        let named = allow
            .has_hosts()
            .then(|| client(Route::Named))
            .transpose()?;
        Ok(Self {
            inner: Arc::new(Inner {
                allow,
                limits,
                lookup,
                own: OwnAuthorities::default(),
                public,
                listed,
                named,
            }),
            memory: None,
        })
    }

    /// The same with a memory for what is read through it: of one credential alone.
    #[must_use]
    pub fn remembering(&self, memory: &Arc<Memory>) -> Self {
        Self {
            memory: Some(Arc::clone(memory)),
            ..self.clone()
        }
    }

    /// The limits that hold where none are given.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// Reads a base URL as [`check_url`] does, under what this client may reach.
    ///
    /// # Errors
    /// As [`check_url`].
    pub fn check_url(&self, text: &str) -> Result<Url, UrlError> {
        check_url(text, &self.inner.allow)
    }

    /// Sends a request and reads the whole answer, within the client's limits.
    ///
    /// # Errors
    /// [`OutboundError`] where no complete answer came; an answer of any status is none.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        self.send_within(request, &self.inner.limits).await
    }

    /// Sends a request and reads the whole answer, within other limits.
    ///
    /// # Errors
    /// [`OutboundError`] where no complete answer came; an answer of any status is none.
    pub async fn send_within(
        &self,
        request: Request<Bytes>,
        limits: &Limits,
    ) -> Result<Response<Bytes>, OutboundError> {
        self.exchange(request, limits, Redirects::Followed).await
    }

    /// The same, with a redirect as an answer like any other: for a host that leads away to a
    /// page where people sign in, where the way there says more than its end.
    ///
    /// # Errors
    /// [`OutboundError`] where no complete answer came; an answer of any status is none.
    pub async fn send_unfollowed(
        &self,
        request: Request<Bytes>,
        limits: &Limits,
    ) -> Result<Response<Bytes>, OutboundError> {
        self.exchange(request, limits, Redirects::Answers).await
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        limits: &Limits,
        redirects: Redirects,
    ) -> Result<Response<Bytes>, OutboundError> {
        let remembered = match &self.memory {
            Some(memory) => memory.prepare(&mut request).map(|key| (memory, key)),
            None => None,
        };
        let answer = self.exchange_once(request, limits, redirects).await?;
        Ok(match remembered {
            Some((memory, key)) => memory.recall(key, answer),
            None => answer,
        })
    }

    async fn exchange_once(
        &self,
        request: Request<Bytes>,
        limits: &Limits,
        redirects: Redirects,
    ) -> Result<Response<Bytes>, OutboundError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| UrlError {
            code: "invalid_url",
            message: "The address of the request is no URL.".into(),
        })?;
        let host = host_of(&url);
        // The path alone: a query may hold what somebody searched for.
        let span = tracing::debug_span!(
            "outbound",
            method = %parts.method,
            host,
            path = url.path(),
            status = tracing::field::Empty,
            milliseconds = tracing::field::Empty,
        );
        let began = Instant::now();
        let outcome = timeout(
            limits.deadline,
            self.follow(parts, url, body, limits, redirects),
        )
        .instrument(span.clone())
        .await
        .unwrap_or(Err(OutboundError::TimedOut {
            host,
            after: limits.deadline,
        }));
        span.record(
            "milliseconds",
            u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
        if let Ok(answer) = &outcome {
            span.record("status", answer.status().as_u16());
        }
        span.in_scope(|| match &outcome {
            Ok(_) => tracing::debug!("answered"),
            Err(error) => tracing::debug!(%error, "no answer"),
        });
        outcome
    }

    async fn follow(
        &self,
        parts: http::request::Parts,
        mut url: Url,
        body: Bytes,
        limits: &Limits,
        redirects: Redirects,
    ) -> Result<Response<Bytes>, OutboundError> {
        let mut requests = 0;
        // For as long as redirects go, which is within one origin.
        let certificate = parts.extensions.get::<Arc<CaCertificate>>().cloned();
        loop {
            let client = match &certificate {
                None => self.client_for(&url)?.clone(),
                Some(certificate) => self.client_trusting(certificate, &url)?,
            };
            let mut request = reqwest::Request::new(parts.method.clone(), url.clone());
            *request.headers_mut() = parts.headers.clone();
            request
                .headers_mut()
                .insert(USER_AGENT, HeaderValue::from_static(AGENT));
            *request.body_mut() = (!body.is_empty()).then(|| body.clone().into());
            let host = host_of(&url);
            let answer = client
                .execute(request)
                .await
                .map_err(|e| OutboundError::before_head(&host, e))?;
            requests += 1;
            if redirects == Redirects::Answers {
                return read(answer, &host, limits, requests).await;
            }
            match step(&parts.method, &url, answer.status(), answer.headers()) {
                Step::Done => return read(answer, &host, limits, requests).await,
                Step::Foreign(to) => {
                    return Err(OutboundError::ForeignRedirect { from: host, to });
                }
                Step::Follow(_) if requests > u32::from(limits.redirects) => {
                    return Err(OutboundError::TooManyRedirects { host });
                }
                Step::Follow(next) => url = next,
            }
        }
    }

    /// The client that trusts an instance's own authority too, behind the same guard.
    fn client_trusting(
        &self,
        certificate: &CaCertificate,
        url: &Url,
    ) -> Result<reqwest::Client, OutboundError> {
        let route = route(url, &self.inner.allow)?;
        let make = || {
            let resolver = GuardedResolver {
                route,
                allow: self.inner.allow.clone(),
                lookup: self.inner.lookup.clone(),
            };
            transport(
                resolver,
                &self.inner.limits,
                super::certificate::read(certificate)?,
            )
        };
        self.inner
            .own
            .get((certificate.digest(), route), make)
            .map_err(|error| OutboundError::NotConnected {
                host: host_of(url),
                reason: format!("the certificates of its own authority cannot be used: {error}"),
            })
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, UrlError> {
        let client = match route(url, &self.inner.allow)? {
            Route::Public => None,
            Route::Listed => self.inner.listed.as_ref(),
            Route::Named => self.inner.named.as_ref(),
        };
        // The strict one where a list is empty: a route that cannot be is closed, not open.
        Ok(client.unwrap_or(&self.inner.public))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one home of the HTTP transport"
)]
fn transport(
    resolver: GuardedResolver,
    limits: &Limits,
    authorities: Vec<reqwest::Certificate>,
) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_certs_merge(authorities)
        .dns_resolver(resolver)
        .connect_timeout(limits.connect)
        .redirect(reqwest::redirect::Policy::none())
        // A repeated request may spend a refresh token twice: who repeats decides.
        .retry(reqwest::retry::never())
        // A proxy would resolve names itself, past the guard.
        .no_proxy()
        .referer(false)
        .build()
}

async fn read(
    answer: reqwest::Response,
    host: &str,
    limits: &Limits,
    requests: u32,
) -> Result<Response<Bytes>, OutboundError> {
    let status = answer.status();
    let too_large = || OutboundError::TooLarge {
        host: host.to_owned(),
        status: status.as_u16(),
        limit: limits.body_bytes,
    };
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = answer.headers().clone();
    head.extensions_mut().insert(Requests(requests));
    let told = answer
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    if told.is_some_and(|length| length > limits.body_bytes) {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(told.unwrap_or(0));
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| OutboundError::in_body(host, status.as_u16(), e))?;
        if body.len() + chunk.len() > limits.body_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(head.map(|()| body.freeze()))
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
