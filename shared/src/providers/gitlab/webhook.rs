//! GitLab's deliveries: signed as Standard Webhooks says (19.0 and later), or with a secret that is
//! sent along in `X-Gitlab-Token`.
//!
//! Source: GitLab documentation, "Webhooks": "Signing tokens", "Delivery headers". `Idempotency-Key` is
//! the same over all attempts (17.4); with a signature it is also the `webhook-id`. A delivery that has
//! any header of a signature must have a good one: it never falls back to the token.

use http::HeaderMap;

use super::super::webhook::{
    Envelope, Expected, HookEvent, Malformed, Proof, Webhooks, action_of, header, is_same, kept,
    name, standard,
};
use super::{Gitlab, webhook_events};
use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;

const SIGNATURE: [&str; 3] = ["webhook-signature", "webhook-id", "webhook-timestamp"];

impl Webhooks for Gitlab {
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&Secret],
        expected: Expected,
    ) -> Option<Proof> {
        if expected.signs || SIGNATURE.iter().any(|name| headers.contains_key(*name)) {
            let proven = standard(headers, body, secrets, expected.now);
            return proven.then_some(Proof { id_signed: true });
        }
        let told = header(headers, "x-gitlab-token")?;
        is_same(told, secrets).then_some(Proof { id_signed: false })
    }

    fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Malformed> {
        let event = header(headers, "x-gitlab-event").and_then(name);
        let event = event
            .ok_or_else(|| Malformed("The header X-Gitlab-Event names no event.".to_owned()))?;
        let id = header(headers, "webhook-id").or_else(|| header(headers, "idempotency-key"));
        Ok(Envelope {
            delivery_id: id.and_then(name),
            id_in_body: false,
            event,
            action: action_of(body)?,
            headers: kept(headers),
        })
    }

    fn read(&self, _headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
        webhook_events::read(body)
    }

    fn events(&self) -> &'static [&'static str] {
        &["push_events", "tag_push_events", "merge_requests_events"]
    }
}
