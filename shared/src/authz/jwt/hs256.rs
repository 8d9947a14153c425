//! HS256: tokens signed with a secret that both sides know.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use super::claims::{Claims, NewToken};
use super::verified_claims;
use crate::authz::refusal::Unauthenticated;
use crate::domain::secret::{ExposeSecret, Secret};

/// The shared secret. At least 32 bytes: shorter ones can be guessed off line from one token.
pub struct Secret256 {
    verify: DecodingKey,
    sign: EncodingKey,
}

impl Secret256 {
    /// Shortest secret, in bytes (RFC 7518 §3.2: as long as the hash).
    pub const MIN_LENGTH: usize = 32;

    /// The verifier of a secret; `None` where it is too short.
    #[must_use]
    pub fn new(secret: &Secret) -> Option<Self> {
        let bytes = secret.expose_secret().as_bytes();
        (bytes.len() >= Self::MIN_LENGTH).then(|| Self {
            verify: DecodingKey::from_secret(bytes),
            sign: EncodingKey::from_secret(bytes),
        })
    }

    /// Signs a token (`mooring token create`, tests).
    ///
    /// # Errors
    /// Where the claims cannot be written as JSON.
    pub fn sign(&self, claims: &NewToken) -> Result<Secret, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.sign).map(Secret::from)
    }

    pub(super) fn verify(&self, token: &str) -> Result<Claims, Unauthenticated> {
        verified_claims(token, &self.verify, Algorithm::HS256)
    }
}

impl fmt::Debug for Secret256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret256")
    }
}
