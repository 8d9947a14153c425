//! An identity provider as a value, and key pairs of the three kinds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::authz::jwt::{FetchKeys, KeysError};

pub(super) struct Provider {
    document: Mutex<Result<Value, KeysError>>,
    fetches: AtomicUsize,
}

impl Provider {
    pub(super) fn with(keys: &[Value]) -> Arc<Self> {
        Arc::new(Self {
            document: Mutex::new(Ok(json!({ "keys": keys }))),
            fetches: AtomicUsize::new(0),
        })
    }
    pub(super) fn set(&self, document: Result<Value, KeysError>) {
        *self.document.lock().unwrap() = document;
    }
    pub(super) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchKeys for Provider {
    async fn fetch(&self, _: &url::Url) -> Result<Bytes, KeysError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let document = self.document.lock().unwrap().clone()?;
        Ok(Bytes::from(document.to_string()))
    }
}

pub(super) struct Pair {
    algorithm: Algorithm,
    sign: EncodingKey,
}

impl Pair {
    pub(super) fn ed() -> Self {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            sign: EncodingKey::from_ed_der(pkcs8.as_ref()),
        }
    }
    pub(super) fn ec() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .unwrap();
        Self {
            algorithm: Algorithm::ES256,
            sign: EncodingKey::from_ec_der(pkcs8.as_ref()),
        }
    }
    pub(super) fn rsa() -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        Self {
            algorithm: Algorithm::RS256,
            sign: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        }
    }
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.sign, self.algorithm).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }
    pub(super) fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.sign).unwrap()
    }
}
