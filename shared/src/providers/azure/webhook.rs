//! Azure DevOps' deliveries: basic authentication; id and event are in the body.
//!
//! Source: Microsoft, "Webhooks with Azure DevOps" and "Service hooks events". There is no signature:
//! the user is `mooring`, the password the secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::super::webhook::{
    Envelope, Expected, HookEvent, Malformed, Proof, Webhooks, header, is_same, kept, object, text,
};
use super::{AzureDevops, webhook_events};
use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;

/// The name that a subscription presents its secret under.
pub(in crate::providers) const USER: &str = "mooring";

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventType")]
    event_type: Option<&'a RawValue>,
}

impl Webhooks for AzureDevops {
    fn verify(
        &self,
        headers: &HeaderMap,
        _body: &[u8],
        secrets: &[&Secret],
        _expected: Expected,
    ) -> Option<Proof> {
        let told = header(headers, AUTHORIZATION.as_str())?;
        let (scheme, encoded) = told.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        (user == USER && is_same(password, secrets)).then_some(Proof { id_signed: false })
    }

    fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Malformed> {
        let head: Head<'_> = object(body)?;
        let event = head.event_type.and_then(text);
        let event =
            event.ok_or_else(|| Malformed("The body's eventType names no event.".to_owned()))?;
        let delivery_id = head.id.and_then(text);
        Ok(Envelope {
            id_in_body: delivery_id.is_some(),
            delivery_id,
            event,
            action: None,
            headers: kept(headers),
        })
    }

    fn read(&self, _headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
        webhook_events::read(body)
    }

    fn events(&self) -> &'static [&'static str] {
        &[
            "git.push",
            "git.pullrequest.created",
            "git.pullrequest.updated",
            "git.repo.created",
            "git.repo.renamed",
            "git.repo.deleted",
            "git.repo.statuschanged",
        ]
    }
}
