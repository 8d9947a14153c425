//! Bitbucket's deliveries: HMAC-SHA256 over the body in `X-Hub-Signature`.
//!
//! Source: Atlassian, "Manage webhooks": "Secure webhooks" and "Event payloads". The id is
//! `X-Request-UUID`, the same over all attempts, and not signed.

use http::HeaderMap;

use super::super::webhook::{
    Envelope, Expected, HookEvent, Malformed, Proof, Webhooks, action_of, header, hex_hmac, kept,
    name,
};
use super::{Bitbucket, webhook_events};
use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;

impl Webhooks for Bitbucket {
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&Secret],
        _expected: Expected,
    ) -> Option<Proof> {
        let told = header(headers, "x-hub-signature")?;
        hex_hmac(told, body, secrets).then_some(Proof { id_signed: false })
    }

    fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Malformed> {
        let event = header(headers, "x-event-key").and_then(name);
        let event =
            event.ok_or_else(|| Malformed("The header X-Event-Key names no event.".to_owned()))?;
        Ok(Envelope {
            delivery_id: header(headers, "x-request-uuid").and_then(name),
            id_in_body: false,
            event,
            action: action_of(body)?,
            headers: kept(headers),
        })
    }

    fn read(&self, headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
        webhook_events::read(headers, body)
    }

    fn events(&self) -> &'static [&'static str] {
        &[
            "repo:push",
            "repo:updated",
            "repo:transfer",
            "repo:deleted",
            "pullrequest:created",
            "pullrequest:updated",
            "pullrequest:fulfilled",
            "pullrequest:rejected",
        ]
    }
}
