//! A delivery arrives: verified, then kept.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::source::{self, Source};
use super::sources::Found;
use crate::domain::ids::{OrganizationId, WebhookDeliveryId, WebhookSourceId};
use crate::flows::{Context, Error};
use crate::providers::{Expected, Malformed, Proof};
use crate::store::inbox::NewDelivery;
use crate::store::webhook_secrets;

/// Why a delivery is not taken.
#[derive(Debug)]
pub enum Refused {
    /// Its signature does not hold, or is missing, or there is nothing that could verify it.
    InvalidSignature,
    /// It cannot be read; a sentence.
    Malformed(String),
    /// The database did not take it.
    NotStored,
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Bytes whose signature holds, and whose: only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    sources: Arc<[Source]>,
    /// Which of them, and how; at least one.
    proofs: Vec<(usize, Proof)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Verified {
    /// Whose ingress it counts as: each source's own.
    pub fn organizations(&self) -> impl Iterator<Item = OrganizationId> {
        self.proofs
            .iter()
            .map(|(place, _)| self.sources[*place].organization)
    }
}

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id; of a repeat that of the first one.
    pub id: WebhookDeliveryId,
    /// Whether it was there already.
    pub duplicate: bool,
}

/// Checks bytes against the secrets of the sources that they may be of. Several sources may share a
/// secret (two organizations that pasted the key of one App): then it is a delivery to each.
///
/// # Errors
/// [`Refused::InvalidSignature`].
pub async fn verify(
    context: &Context,
    found: &Found,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Verified, Refused> {
    let mut sources = Arc::clone(&found.sources);
    let mut proofs = prove(context, &sources, &headers, &body);
    if proofs.is_empty() && found.is_old() {
        sources = source::again(context, found).await?.sources;
        proofs = prove(context, &sources, &headers, &body);
    }
    if proofs.is_empty() {
        return Err(Refused::InvalidSignature);
    }
    Ok(Verified {
        sources,
        proofs,
        headers,
        body,
    })
}

fn prove(
    context: &Context,
    sources: &[Source],
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<(usize, Proof)> {
    let now = context.clock.now();
    let prove = |source: &Source| {
        let expected = Expected {
            now,
            signs: source.signs,
        };
        let webhooks = context.providers.webhooks(source.provider);
        webhooks.verify(headers, body, &source.secrets(now), expected)
    };
    sources
        .iter()
        .enumerate()
        .filter_map(|(place, source)| Some((place, prove(source)?)))
        .collect()
}

/// Keeps a delivery, with the job that handles it, and resolves when both are committed.
///
/// # Errors
/// [`Refused::Malformed`], [`Refused::NotStored`].
pub async fn keep(context: &Context, verified: Verified) -> Result<Received, Refused> {
    let Verified {
        sources,
        proofs,
        headers,
        body,
    } = verified;
    let first = &sources[proofs[0].0];
    let envelope = context
        .providers
        .webhooks(first.provider)
        .envelope(&headers, &body)
        .map_err(|Malformed(sentence)| Refused::Malformed(sentence))?;
    let body_sha256: [u8; 32] = Sha256::digest(&body).into();
    let delivery_id = envelope
        .delivery_id
        .unwrap_or_else(|| format!("sha256:{}", hex::encode(body_sha256)));
    let kept_headers = serde_json::to_string(&envelope.headers)
        .map_err(|error| Refused::Malformed(error.to_string()))?;
    let received_at = context.clock.now();
    let mut puts = Vec::with_capacity(proofs.len());
    for (place, proof) in &proofs {
        let source = &sources[*place];
        if proof.id_signed && !source.signs {
            note_signs(context, source).await?;
        }
        puts.push(context.intake.inbox.put(NewDelivery {
            id: WebhookDeliveryId::new(received_at),
            organization: source.organization,
            source: source.id,
            connection: source.connection.filter(|_| source.app.is_none()),
            app_id: source.app,
            provider: source.provider,
            event: envelope.event.clone(),
            action: envelope.action.clone(),
            delivery_id: delivery_id.clone(),
            id_signed: proof.id_signed || envelope.id_in_body,
            recovered: false,
            body_sha256,
            headers: kept_headers.clone(),
            body: body.clone(),
            received_at,
        }));
    }
    let mut received: Option<Received> = None;
    for kept in join_all(puts).await {
        let kept = kept.map_err(|_| Refused::NotStored)?;
        // New to one of them is new.
        let new = Received {
            id: kept.id,
            duplicate: kept.duplicate,
        };
        received = match received {
            Some(before) if !before.duplicate || new.duplicate => Some(before),
            _ => Some(new),
        };
    }
    received.ok_or(Refused::NotStored)
}

/// From now on this source is believed by signatures alone.
async fn note_signs(context: &Context, source: &Source) -> Result<(), Error> {
    let mut tx = context.db.tenant(source.organization).await?;
    webhook_secrets::note_signs(&mut *tx, WebhookSourceId(source.id.0)).await?;
    tx.commit().await?;
    if let Some(connection) = source.connection {
        context.intake.sources.forget(connection);
    }
    Ok(())
}
