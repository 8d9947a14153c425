//! Signatures over the bytes as they came, compared in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::header;
use crate::domain::secret::{ExposeSecret, Secret};
use chrono::Utc;

/// How far a signed time may be from ours. Source: Standard Webhooks, "Verifying the timestamp"; its
/// reference libraries allow five minutes to both sides.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What a secret of Standard Webhooks begins with; base64 follows.
const PREFIX: &str = "whsec_";

/// Whether `told` is `sha256=` and the HMAC of the body, in hexadecimal, under one of the secrets.
pub(in crate::providers) fn hex_hmac(told: &str, body: &[u8], secrets: &[&Secret]) -> bool {
    let Some(told) = told.strip_prefix("sha256=") else {
        return false;
    };
    let mut expected = [0_u8; 32];
    if hex::decode_to_slice(told, &mut expected).is_err() {
        return false;
    }
    secrets
        .iter()
        .any(|secret| holds(secret.expose_secret().as_bytes(), &[body], &expected))
}

/// Whether a text is one of the secrets.
pub(in crate::providers) fn is_same(told: &str, secrets: &[&Secret]) -> bool {
    let told = told.as_bytes();
    secrets
        .iter()
        .any(|secret| bool::from(secret.expose_secret().as_bytes().ct_eq(told)))
}

/// Whether a delivery is signed as Standard Webhooks says, by one of the secrets, and lately.
pub(in crate::providers) fn standard(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[&Secret],
    now: DateTime<Utc>,
) -> bool {
    let one = |name| header(headers, name).filter(|text| !text.is_empty());
    let (Some(id), Some(time), Some(signatures)) = (
        one("webhook-id"),
        one("webhook-timestamp"),
        one("webhook-signature"),
    ) else {
        return false;
    };
    let at = time
        .parse()
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let in_time = at.is_some_and(|at| (now - at).abs() <= TOLERANCE);
    let told: Vec<[u8; 32]> = signatures
        .split(' ')
        .filter_map(|one| {
            STANDARD
                .decode(one.strip_prefix("v1,")?)
                .ok()?
                .try_into()
                .ok()
        })
        .take(8)
        .collect();
    let proven = secrets.iter().any(|secret| {
        key_of(secret).is_some_and(|key| {
            let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
            told.iter().any(|told| holds(&key, &parts, told))
        })
    });
    in_time && proven
}

fn key_of(secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = secret.expose_secret().strip_prefix(PREFIX)?;
    STANDARD.decode(encoded).ok().map(Zeroizing::new)
}

fn holds(key: &[u8], parts: &[&[u8]], expected: &[u8; 32]) -> bool {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC-SHA256 takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(expected).is_ok()
}
