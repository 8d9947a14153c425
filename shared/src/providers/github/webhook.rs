//! GitHub's deliveries: HMAC-SHA256 over the body in `X-Hub-Signature-256`.
//!
//! Source: GitHub documentation, "Validating webhook deliveries" and "Webhook events and payloads".
//! Neither the id nor the event is signed. The body is JSON, or a form whose `payload` is JSON, as the
//! hook's content type says; the signature is over the form.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::super::webhook::{
    Envelope, Expected, HookEvent, Malformed, Proof, Webhooks, action_of, header, hex_hmac, kept,
    name,
};
use super::{Github, webhook_events};
use crate::domain::secret::Secret;
use crate::domain::webhook::DeliveryHeaders;

impl Webhooks for Github {
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&Secret],
        _expected: Expected,
    ) -> Option<Proof> {
        let told = header(headers, "x-hub-signature-256")?;
        hex_hmac(told, body, secrets).then_some(Proof { id_signed: false })
    }

    fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Malformed> {
        let event = header(headers, "x-github-event").and_then(name);
        let event = event
            .ok_or_else(|| Malformed("The header X-GitHub-Event names no event.".to_owned()))?;
        let content_type = header(headers, CONTENT_TYPE.as_str());
        Ok(Envelope {
            delivery_id: header(headers, "x-github-delivery").and_then(name),
            id_in_body: false,
            event,
            action: action_of(&payload(content_type, body)?)?,
            headers: kept(headers),
        })
    }

    fn read(&self, headers: &DeliveryHeaders, body: &[u8]) -> Result<HookEvent, Malformed> {
        webhook_events::read(headers, body)
    }

    // Source: GitHub documentation, "Webhook events and payloads". An App's hook sends `installation`,
    // `installation_repositories` and `github_app_authorization` without being asked.
    fn events(&self) -> &'static [&'static str] {
        &["push", "pull_request", "repository"]
    }
}

/// The JSON of a body.
pub(super) fn payload<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
) -> Result<Cow<'a, [u8]>, Malformed> {
    let essence = content_type.and_then(|text| text.split(';').next());
    let is_form = essence.is_some_and(|text| {
        text.trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Ok(Cow::Borrowed(body));
    }
    url::form_urlencoded::parse(body)
        .find(|(name, _)| name == "payload")
        .map(|(_, value)| Cow::Owned(value.into_owned().into_bytes()))
        .ok_or_else(|| Malformed("The form has no field named payload.".to_owned()))
}
