//! The browser of the demo's person: it goes where it is sent, and consents at the forge.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, header};
use shared::outbound::{Limits, Outbound};
use url::Url;

use crate::exit::Failure;

/// Goes to consent pages and back to one service.
pub struct Browser {
    outbound: Outbound,
    public: String,
    reached: String,
}

impl Browser {
    /// For a service whose public URL is `public_url` and that listens at `reached`: the way back
    /// goes there, since the public URL may be that of a proxy which is not there yet. `pages` are
    /// the origins at which people consent.
    pub fn new(public_url: &Url, reached: SocketAddr, pages: &[&str]) -> Result<Self, Failure> {
        let mut allowed = vec![reached.to_string()];
        for page in pages {
            let (_, authority) = page.split_once("://").unwrap_or(("", page));
            allowed.push(authority.to_owned());
        }
        let allow = allowed.join(",").parse();
        let allow = allow.map_err(|error| {
            Failure::failed(format!("the sandbox's pages cannot be reached: {error}"))
        })?;
        let outbound = Outbound::new(allow, Limits::API);
        Ok(Self {
            outbound: outbound.map_err(|error| Failure::failed(error.to_string()))?,
            public: public_url.as_str().trim_end_matches('/').to_owned(),
            reached: format!("http://{reached}"),
        })
    }

    /// Opens the provider's page, where the person consents, and takes what it brings back to the
    /// service; the address that the service sends on to.
    pub async fn consent(&self, authorize_url: &str) -> Result<Url, Failure> {
        let back = self.redirected(authorize_url).await?;
        let path = back.as_str().strip_prefix(&self.public).ok_or_else(|| {
            let origin = back.origin().ascii_serialization();
            Failure::failed(format!("a consent led to {origin}, not to {}", self.public))
        })?;
        self.redirected(&format!("{}{path}", self.reached)).await
    }

    /// Where a page leads. Its query is not told in an error: it carries codes and states.
    async fn redirected(&self, url: &str) -> Result<Url, Failure> {
        let page = url.split('?').next().unwrap_or_default();
        let failed = |why: String| Failure::failed(format!("GET {page}: {why}"));
        let request = Request::get(url)
            .body(Bytes::new())
            .map_err(|error| failed(error.to_string()))?;
        let answer = self.outbound.send_unfollowed(request, &Limits::API).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let location = answer.headers().get(header::LOCATION);
        location
            .and_then(|location| location.to_str().ok()?.parse().ok())
            .ok_or_else(|| failed(format!("answered {} and leads nowhere", answer.status())))
    }
}
