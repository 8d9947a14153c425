//! Key pairs of an identity provider.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// A pair and its name.
pub struct Pair {
    algorithm: Algorithm,
    sign: EncodingKey,
    /// The public key, as whoever forges tokens would find it.
    public: Vec<u8>,
    kid: String,
}

impl Pair {
    pub fn ed() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let sign = EncodingKey::from_ed_der(pkcs8.as_ref());
        Self::new(Algorithm::EdDSA, sign, pair.public_key().as_ref())
    }

    pub fn ec() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
        let sign = EncodingKey::from_ec_der(pkcs8.as_ref());
        Self::new(Algorithm::ES256, sign, pair.public_key().as_ref())
    }

    pub fn rsa() -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let sign = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", der.as_ref()).as_bytes()).unwrap();
        let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self::new(Algorithm::RS256, sign, public.as_ref())
    }

    fn new(algorithm: Algorithm, sign: EncodingKey, public: &[u8]) -> Self {
        let kid = format!("{algorithm:?}-{}", hex::encode(&public[public.len() - 8..]));
        Self {
            algorithm,
            sign,
            public: public.to_vec(),
            kid,
        }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWKS shows it.
    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.sign, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).unwrap()
    }

    /// The public key in every form that a confused verifier may take for a secret.
    pub fn public_forms(&self) -> Vec<Vec<u8>> {
        let text = pem("PUBLIC KEY", &self.public);
        let jwk = self.jwk();
        let mut forms = vec![
            self.public.clone(),
            text.trim().as_bytes().to_vec(),
            text.into_bytes(),
            jwk.to_string().into_bytes(),
        ];
        for field in ["n", "x", "y"] {
            forms.extend(jwk[field].as_str().map(|value| value.as_bytes().to_vec()));
        }
        forms
    }

    pub fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.sign).unwrap()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
