//! User tokens: JSON Web Tokens of an identity provider, or signed with a shared secret.
//!
//! Needs: a forged, expired or borrowed token is refused whatever its header says; keys rotate
//! without a restart; an identity provider that is away does not sign everybody out; a stranger
//! cannot make us fetch keys at will.
//! Design: the header's `alg` only *selects* among the configured verifiers, and each verifier
//! owns its key material and its one algorithm: HS256 knows the secret alone, and the keys of the
//! JWKS verify RS256, ES256 or EdDSA by their own type. So a public key is never an HMAC secret,
//! and `none` selects nothing. `jku`, `jwk` and `x5u` in a header are ignored, `crit` is refused.
//! Time: dates are compared with the [`Clock`], not by the JWT library.
//! `exp` has no leeway, since whoever issues a token decides its end. `nbf` and `iat` have
//! [`LEEWAY`] seconds, so that a fresh token of an issuer whose clock runs ahead is not refused.

mod claims;
mod fetch;
mod hs256;
mod jwks;

use jsonwebtoken::{Algorithm, decode_header};

pub use claims::{NewToken, OrganizationsClaim};
pub use hs256::Secret256;
pub use jwks::{FetchKeys, Jwks, KeysError};

use super::caller::User;
use super::refusal::Unauthenticated;
use crate::clock::Clock;

/// How far ahead of ours the issuer's clock may be, in seconds.
pub const LEEWAY: i64 = 30;

/// Longest token that is looked at, in bytes: longer ones come from no identity provider.
const MAX_LENGTH: usize = 16 * 1024;

/// What user tokens are checked against.
#[derive(Debug)]
pub struct Verifier {
    /// Calendar time.
    pub clock: Clock,
    /// The shared secret, where configured: HS256 is accepted then, and only then.
    pub secret: Option<Secret256>,
    /// The identity provider's keys, where configured.
    pub keys: Option<Jwks>,
    /// The `iss` that tokens must have.
    pub issuer: Option<String>,
    /// The `aud` that tokens must name.
    pub audience: Option<String>,
}

impl Verifier {
    /// The person of a token; `organizations` is `None` where the token does not claim any.
    ///
    /// # Errors
    /// [`Unauthenticated`], with a reason that helps who integrates and no stranger.
    pub async fn verify(&self, token: &str) -> Result<User, Unauthenticated> {
        if token.len() > MAX_LENGTH {
            return Err(Unauthenticated::Invalid("it is too long"));
        }
        let header = decode_header(token).map_err(|_| {
            Unauthenticated::Invalid("it is neither an API token nor a JWT of a known algorithm")
        })?;
        if header.crit.is_some() {
            return Err(Unauthenticated::Invalid("its header demands an extension"));
        }
        let claims = match (header.alg, &self.secret, &self.keys) {
            (Algorithm::HS256, Some(secret), _) => secret.verify(token)?,
            (Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA, _, Some(keys)) => {
                keys.verify(token, header.alg, header.kid.as_deref(), &self.clock)
                    .await?
            }
            _ => {
                return Err(Unauthenticated::Invalid(
                    "its algorithm is not one that is configured here",
                ));
            }
        };
        claims.check(
            self.clock.now(),
            self.issuer.as_deref(),
            self.audience.as_deref(),
        )?;
        Ok(claims.into_user())
    }
}

/// Checks the signature with one key and one algorithm, and nothing else.
fn verified_claims(
    token: &str,
    key: &jsonwebtoken::DecodingKey,
    algorithm: Algorithm,
) -> Result<claims::Claims, Unauthenticated> {
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<claims::Claims>(token, key, &validation)
        .map(|data| data.claims)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => Unauthenticated::Invalid(
                "a claim is missing or of the wrong type (sub is a UUID, exp a number)",
            ),
            _ => Unauthenticated::Invalid("its signature does not match"),
        })
}

#[cfg(test)]
mod tests;
