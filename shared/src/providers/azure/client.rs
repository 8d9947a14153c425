//! One question to Azure DevOps.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use url::Url;

use super::super::transport::{credential_header, failure, metered, no_answer, told};
use super::super::{Access, ErrorClass, ProviderError};
use super::{errors, instance, organizations};
use crate::clock::Clock;
use crate::domain::provider::Instance;
use crate::outbound::{Limits, Outbound, rate_limit};

/// The version of the API that is spoken; every request names it.
pub(super) const VERSION: &str = "7.1";
/// The same for what Microsoft has had under preview for ever (`connectionData`).
pub(super) const PREVIEW: &str = "7.1-preview";

/// Listings of repositories have no pages: one answer may hold thousands, of about 1 KB each.
const LISTING_BODIES: usize = 4;

/// Asks Azure DevOps.
pub(super) struct Client {
    outbound: Outbound,
    clock: Clock,
    people: Instance,
}

/// Whom a question is for. The credential goes to both: they are one service, at two addresses
/// that the platform's configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Organizations.
    Organization,
    /// Organizations, for an answer that may be long.
    Listing,
    /// The people of all organizations.
    People,
}

impl Client {
    pub(super) fn new(outbound: Outbound, clock: Clock, profile_url: &Url) -> Self {
        Self {
            outbound,
            clock,
            people: instance::at(profile_url),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Asks for a path, which starts with a slash and is already percent-encoded. The answer is a
    /// success, and JSON.
    pub(super) async fn ask(
        &self,
        access: &Access,
        at: At,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ProviderError> {
        self.ask_version(access, at, path, parameters, VERSION)
            .await
    }

    /// The same in another version of the API.
    pub(super) async fn ask_version(
        &self,
        access: &Access,
        at: At,
        path: &str,
        parameters: &[(&str, &str)],
        version: &str,
    ) -> Result<Response<Bytes>, ProviderError> {
        let unbuildable = |error: String| failure(ErrorClass::Unexpected, error);
        let instance = match at {
            At::Organization | At::Listing => &access.instance,
            At::People => &self.people,
        };
        let mut url = instance
            .api(path)
            .map_err(|error| unbuildable(error.to_string()))?;
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .append_pair("api-version", version);
        let (name, value) = credential_header(access)?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header(name, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            // Asks for a refusal in place of the sign-in page, which is not always granted.
            .header(
                HeaderName::from_static("x-tfs-fedauthredirect"),
                HeaderValue::from_static("Suppress"),
            )
            .body(Bytes::new())
            .map_err(|error| unbuildable(error.to_string()))?;
        let limits = self.limits(at);
        let sent = self.outbound.send_unfollowed(request, &limits);
        let sent = metered(access, sent, |answer| {
            let now = self.now();
            let failure = errors::classify(answer, &url, now);
            (rate_limit::azure(answer.headers(), now), failure)
        });
        let answer = sent.await?.map_err(|error| no_answer(&error))?;
        let Some(mut error) = errors::classify(&answer, &url, self.now()) else {
            return Ok(answer);
        };
        let status = answer.status().as_u16();
        error.detail = told(
            access,
            &format!("GET {path} answered {status}: {}", error.detail),
        );
        error.action_url = organizations::token_page(access, &error);
        Err(error)
    }

    fn limits(&self, at: At) -> Limits {
        let limits = self.outbound.limits();
        match at {
            At::Organization | At::People => limits,
            At::Listing => Limits {
                body_bytes: limits.body_bytes.saturating_mul(LISTING_BODIES),
                ..limits
            },
        }
    }
}
