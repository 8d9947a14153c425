//! One request to a token endpoint, and what all four providers share in reading its answer.
//!
//! Needs: a code or refresh token that is presented may be spent by it, so the request leaves once
//! and its outcome is one of few classes that say whether it may be ([`GrantErrorClass`]); a secret
//! must not come out in an error.
//! Design: [`TokenEndpoint::ask`] sends a form and hands the [`Reply`] to the provider's own `read`,
//! which is a pure function from status, headers and body to a grant or a [`Refused`], and so can
//! be tested line by line. What it makes of texts is cleaned of everything that was sent.
//!
//! What an unknown outcome is, is decided towards caution: only an answer in the endpoint's own
//! format, or the certainty that no byte of the request left, says that nothing is spent. A proxy's
//! page, a broken body, a code that nobody has written down are [`GrantErrorClass::Unknown`].

mod reply;

pub(super) use reply::{Pair, Refusal, Refused, Reply, scopes, standard};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::oauth::{Grant, GrantError, GrantErrorClass, OAuthApp};
use super::transport::{shorten, trusting};
use crate::clock::Clock;
use crate::domain::provider::Instance;
use crate::domain::secret::{ExposeSecret, Secret};
use crate::outbound::{Limits, Outbound, OutboundError, UrlError};

/// No pair of tokens is longer.
const LONGEST_BODY: usize = 1 << 20;

/// Asks token endpoints.
#[derive(Clone)]
pub(super) struct TokenEndpoint {
    pub(super) outbound: Outbound,
    clock: Clock,
}

/// A field of a form.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    Plain(&'a str),
    Secret(&'a Secret),
}

impl Field<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

/// How the registration's own credentials are presented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// As `client_id` and `client_secret` of the form.
    InForm,
    /// As HTTP Basic.
    Basic,
}

impl TokenEndpoint {
    pub(super) const fn new(outbound: Outbound, clock: Clock) -> Self {
        Self { outbound, clock }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Posts a form, once, and reads the answer.
    pub(super) async fn ask(
        &self,
        app: &OAuthApp,
        url: &Url,
        client: Client,
        form: &[(&str, Field<'_>)],
        read: fn(&Reply) -> Result<Grant, Refused>,
    ) -> Result<Grant, GrantError> {
        let asked_at = self.now();
        let sent = self.send(app, url, client, form).await;
        let refused = match sent {
            Ok(answer) => {
                let now = self.now();
                let reply = Reply {
                    answer,
                    asked_at,
                    now,
                };
                let status = reply.answer.status().as_u16();
                read(&reply).map_err(|refused| (Some(status), refused))
            }
            Err(error) => Err((None, unsent(&error))),
        };
        refused.map_err(|(status, refused)| failed(url, status, refused, &secrets(app, form)))
    }

    /// Posts a form, once.
    pub(super) async fn send(
        &self,
        app: &OAuthApp,
        url: &Url,
        client: Client,
        form: &[(&str, Field<'_>)],
    ) -> Result<Response<Bytes>, OutboundError> {
        let own = [
            ("client_id", Field::Plain(app.client_id.as_str())),
            ("client_secret", Field::Secret(&app.client_secret)),
        ];
        let own = match client {
            Client::InForm => own.as_slice(),
            Client::Basic => &[],
        };
        let mut request = Request::post(url.as_str())
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if client == Client::Basic {
            request = request.header(AUTHORIZATION, basic(app));
        }
        let body = encoded(own.iter().chain(form));
        let limits = limits(&self.outbound.limits());
        // Of a URL and of headers that are ones already.
        let request = request.body(body).map_err(|_| UrlError {
            code: "invalid_url",
            message: "The address of the token endpoint is no URL.".into(),
        })?;
        let request = trusting(request, &app.instance);
        self.outbound.send_within(request, &limits).await
    }
}

/// A token endpoint has twice the time of other calls (60 s with [`Limits::API`]), because giving
/// up on one may cost a grant.
fn limits(own: &Limits) -> Limits {
    Limits {
        deadline: own.deadline.saturating_mul(2),
        body_bytes: own.body_bytes.min(LONGEST_BODY),
        redirects: 0,
        ..*own
    }
}

/// A page of an instance's web address, below its path.
pub(super) fn page(instance: &Instance, path: &str) -> Url {
    below(&instance.web_url, path)
}

/// A path below a URL's own.
pub(super) fn below(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}{path}", root.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// `Basic client_id:client_secret`.
pub(super) fn basic(app: &OAuthApp) -> HeaderValue {
    let pair = Zeroizing::new(format!(
        "{}:{}",
        app.client_id,
        app.client_secret.expose_secret()
    ));
    let encoded = Zeroizing::new(base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        pair.as_bytes(),
    ));
    let text = Zeroizing::new(format!("Basic {}", *encoded));
    // Base64 fits into any header.
    let mut value =
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

fn encoded<'a>(fields: impl Iterator<Item = &'a (&'a str, Field<'a>)>) -> Bytes {
    // Large enough for most, so that no half of a secret stays behind in memory.
    let mut body = form_urlencoded::Serializer::new(String::with_capacity(8 * 1024));
    for (name, field) in fields {
        body.append_pair(name, field.text());
    }
    Bytes::from_owner(Zeroizing::new(body.finish().into_bytes()))
}

/// Without an answer: only what is certain not to have left is [`GrantErrorClass::NotSent`].
fn unsent(error: &OutboundError) -> Refused {
    let class = match error {
        OutboundError::Url(_)
        | OutboundError::Blocked(_)
        | OutboundError::NotResolved { .. }
        | OutboundError::NotConnected { .. } => GrantErrorClass::NotSent,
        OutboundError::TimedOut { .. }
        | OutboundError::Cut { .. }
        | OutboundError::BodyCut { .. }
        | OutboundError::TooLarge { .. }
        | OutboundError::ForeignRedirect { .. }
        | OutboundError::TooManyRedirects { .. } => GrantErrorClass::Unknown,
    };
    Refused {
        class,
        code: None,
        description: error.to_string(),
        retry_at: None,
    }
}

/// A URL for operators: where, and no more.
fn named(url: &Url) -> String {
    format!("{}{}", url.host_str().unwrap_or_default(), url.path())
}

/// What operators are told of an outcome, without any secret that was presented: a host may say it
/// back, in its text or as its code.
fn failed(url: &Url, status: Option<u16>, refused: Refused, secrets: &[&str]) -> GrantError {
    let is_secret = |code: &String| secrets.iter().any(|secret| code.contains(secret));
    let code = refused.code.filter(|code| !is_secret(code));
    let mut detail = match status {
        Some(status) => format!("{} answered {status}: ", named(url)),
        None => String::new(),
    };
    if let Some(code) = &code {
        detail.push_str(code);
        detail.push_str(": ");
    }
    detail.push_str(&refused.description);
    GrantError {
        class: refused.class,
        status,
        code,
        detail: cleaned(&detail, secrets),
        retry_at: refused.retry_at,
    }
}

/// Everything secret in a request.
fn secrets<'a>(app: &'a OAuthApp, form: &[(&str, Field<'a>)]) -> Vec<&'a str> {
    let presented = form.iter().filter_map(|(_, field)| match field {
        Field::Secret(secret) => Some(*secret),
        Field::Plain(_) => None,
    });
    presented
        .chain([&app.client_secret])
        .map(|secret| secret.expose_secret())
        .filter(|secret| !secret.is_empty())
        .collect()
}

/// One line, shortened, without these.
fn cleaned(text: &str, secrets: &[&str]) -> String {
    let line = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = secrets.iter().fold(line, |line: String, secret| {
        line.replace(secret, "[secret]")
    });
    shorten(&line)
}

#[cfg(test)]
pub(super) mod table_tests;

#[cfg(test)]
#[path = "sending_tests.rs"]
mod tests;
