//! The identity provider's public keys.
//!
//! Kept until [`MAX_AGE`] is over, so that a key that is withdrawn ends here too. A token that
//! names an unknown key makes us look once, since the provider may just have rotated.
//! Races: *many tokens, one unknown key* → one fetch, the others wait for it and look again;
//! *a stranger inventing key ids* → at most one look per [`LOOK_INTERVAL`], whatever comes;
//! *the provider is away* → the keys that are there go on, it is asked again every
//! [`RETRY_INTERVAL`], and a token that needs other keys is answered "cannot be checked now", not
//! "invalid".

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::{Mutex, RwLock};
use url::Url;

use super::claims::Claims;
use super::verified_claims;
use crate::authz::refusal::Unauthenticated;
use crate::clock::Clock;

/// How long fetched keys serve before they are fetched anew.
const MAX_AGE: TimeDelta = TimeDelta::minutes(10);

/// At most one look for unknown keys in this time.
const LOOK_INTERVAL: TimeDelta = TimeDelta::seconds(30);

/// At most one fetch of keys that are due in this time, where the provider does not answer.
const RETRY_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// Most keys of a set that are looked at.
const MAX_KEYS: usize = 100;

/// Why keys could not be fetched: for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeysError(pub String);

/// The way out to the identity provider.
#[async_trait]
pub trait FetchKeys: Send + Sync {
    /// The body of a JWKS document, bounded in time and size.
    async fn fetch(&self, url: &Url) -> Result<Bytes, KeysError>;
}

/// The keys of one JWKS address.
pub struct Jwks {
    url: Url,
    source: Arc<dyn FetchKeys>,
    known: RwLock<Arc<Known>>,
    /// Held while a fetch is out: who comes meanwhile waits and then looks at `known` again.
    fetching: Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Vec<Key>,
    /// When the last attempt was made, and when the last one succeeded.
    attempted_at: Option<DateTime<Utc>>,
    fetched_at: Option<DateTime<Utc>>,
    /// When an unknown key last made us look.
    looked_at: Option<DateTime<Utc>>,
}

/// What a fetch is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Age,
    UnknownKey,
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

enum Found {
    One(Key),
    None,
    /// The token names no key and several would do.
    Several,
}

impl Jwks {
    /// Keys at `url`; nothing is fetched before the first token that needs them.
    #[must_use]
    pub fn new(url: Url, source: Arc<dyn FetchKeys>) -> Self {
        Self {
            url,
            source,
            known: RwLock::default(),
            fetching: Mutex::new(()),
        }
    }

    pub(super) async fn verify(
        &self,
        token: &str,
        algorithm: Algorithm,
        kid: Option<&str>,
        clock: &Clock,
    ) -> Result<Claims, Unauthenticated> {
        let before = self.current().await;
        let mut known = Arc::clone(&before);
        if known.is_older_than(MAX_AGE, clock.now()) {
            known = self.refetch(&before, Cause::Age, clock).await;
        }
        let mut found = known.find(algorithm, kid);
        if matches!(found, Found::None) && Arc::ptr_eq(&before, &known) {
            known = self.refetch(&before, Cause::UnknownKey, clock).await;
            found = known.find(algorithm, kid);
        }
        match found {
            Found::One(key) => verified_claims(token, &key.key, algorithm),
            Found::Several => Err(Unauthenticated::Invalid(
                "it does not name its key (kid) and several would do",
            )),
            // The last attempt failed: the key may well exist.
            Found::None if known.attempted_at != known.fetched_at => {
                Err(Unauthenticated::KeysUnavailable)
            }
            Found::None => Err(Unauthenticated::Invalid(
                "the identity provider has no such key",
            )),
        }
    }

    async fn current(&self) -> Arc<Known> {
        Arc::clone(&*self.known.read().await)
    }

    /// The keys after one more fetch, unless there was one since `seen` or too recently.
    async fn refetch(&self, seen: &Arc<Known>, cause: Cause, clock: &Clock) -> Arc<Known> {
        let _alone = self.fetching.lock().await;
        let now = clock.now();
        let known = self.current().await;
        let too_soon = match cause {
            Cause::Age => is_within(known.attempted_at, RETRY_INTERVAL, now),
            Cause::UnknownKey => is_within(known.looked_at, LOOK_INTERVAL, now),
        };
        if too_soon || !Arc::ptr_eq(seen, &known) {
            return known;
        }
        let looked_at = match cause {
            Cause::Age => known.looked_at,
            Cause::UnknownKey => Some(now),
        };
        let next = match self.fetch().await {
            Ok(keys) => Known {
                keys,
                attempted_at: Some(now),
                fetched_at: Some(now),
                looked_at,
            },
            Err(error) => {
                tracing::warn!(%error, url = %self.url, "the identity provider's keys cannot be fetched");
                Known {
                    keys: known.keys.clone(),
                    attempted_at: Some(now),
                    fetched_at: known.fetched_at,
                    looked_at,
                }
            }
        };
        let next = Arc::new(next);
        *self.known.write().await = Arc::clone(&next);
        next
    }

    async fn fetch(&self) -> Result<Vec<Key>, KeysError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let body = self.source.fetch(&self.url).await?;
        let set: Set = serde_json::from_slice(&body)
            .map_err(|error| KeysError(format!("not a JSON Web Key Set: {error}")))?;
        // A key of a kind we do not know must not hide the others.
        Ok(set
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|key| Key::of(&serde_json::from_value(key).ok()?))
            .collect())
    }
}

impl Known {
    fn is_older_than(&self, age: TimeDelta, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_none_or(|at| now - at >= age)
    }

    fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Found {
        let mut fitting = self.keys.iter().filter(|key| {
            key.algorithm == algorithm && (kid.is_none() || key.id.as_deref() == kid)
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => Found::None,
            (Some(key), None) => Found::One(key.clone()),
            (Some(_), Some(_)) => Found::Several,
        }
    }
}

/// A clock that was moved back makes nothing wait.
fn is_within(at: Option<DateTime<Utc>>, time: TimeDelta, now: DateTime<Utc>) -> bool {
    at.is_some_and(|at| now >= at && now - at < time)
}

impl Key {
    /// A key for verifying signatures in one of our algorithms, by its own type. The `alg` and
    /// `use` of the key, where given, must agree.
    fn of(jwk: &Jwk) -> Option<Self> {
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_us = common.key_algorithm.is_none_or(|alg| alg == named)
            && common
                .public_key_use
                .as_ref()
                .is_none_or(|used| *used == PublicKeyUse::Signature);
        if !is_for_us {
            return None;
        }
        Some(Self {
            id: common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}
