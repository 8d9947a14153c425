mod provider_keys;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::domain::organization::Role;
use crate::domain::secret::{ExposeSecret, Secret};

const SUB: &str = "018f3c5e-7a00-7000-8000-000000000001";
const SECRET: &str = "a secret that is long enough to sign";

struct Provider {
    document: Mutex<Result<Value, KeysError>>,
    fetches: AtomicUsize,
}

impl Provider {
    fn with(keys: &[Value]) -> Arc<Self> {
        Arc::new(Self {
            document: Mutex::new(Ok(json!({ "keys": keys }))),
            fetches: AtomicUsize::new(0),
        })
    }
    fn set(&self, document: Result<Value, KeysError>) {
        *self.document.lock().unwrap() = document;
    }
    fn fetches(&self) -> usize {
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

struct Pair {
    algorithm: Algorithm,
    sign: EncodingKey,
}

impl Pair {
    fn ed() -> Self {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            sign: EncodingKey::from_ed_der(pkcs8.as_ref()),
        }
    }
    fn ec() -> Self {
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
    fn rsa() -> Self {
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
    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.sign, self.algorithm).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }
    fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.sign).unwrap()
    }
}

fn hs256(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn claims(clock: &Clock) -> Value {
    json!({ "sub": SUB, "exp": clock.now().timestamp() + 3600 })
}

fn by_secret(clock: &Clock) -> Verifier {
    Verifier {
        clock: clock.clone(),
        secret: Secret256::new(&Secret::from(SECRET)),
        keys: None,
        issuer: None,
        audience: None,
    }
}

fn by_keys(clock: &Clock, provider: &Arc<Provider>) -> Verifier {
    let url = url::Url::parse("https://id.example.org/keys").unwrap();
    Verifier {
        secret: None,
        keys: Some(Jwks::new(url, provider.clone())),
        ..by_secret(clock)
    }
}

fn is_invalid<T>(result: &Result<T, Unauthenticated>) -> bool {
    matches!(result, Err(Unauthenticated::Invalid(_)))
}

#[tokio::test]
async fn every_claim_arrives() {
    let clock = Clock::movable();
    let mut all = claims(&clock);
    all["name"] = json!(" Ada\u{0}\n ");
    all["email"] = json!("ada@example.org");
    all["portal_admin"] = json!(true);
    all["aal"] = json!("aal2");
    all["organizations"] = json!({ SUB: "admin", "not-an-id": "owner", "018f3c5e-7a00-7000-8000-000000000002": "chef" });
    let user = by_secret(&clock).verify(&hs256(&all)).await.unwrap();
    assert_eq!(user.name.as_deref(), Some("Ada"));
    assert!(user.portal_admin);
    assert_eq!(user.aal, crate::authz::Assurance::Aal2);
    let organizations = user.organizations.unwrap();
    assert_eq!(organizations.len(), 1);
    assert_eq!(organizations.values().next(), Some(&Role::Admin));
    let user = by_secret(&clock)
        .verify(&hs256(&claims(&clock)))
        .await
        .unwrap();
    assert_eq!(user.organizations, None);
}

#[tokio::test]
async fn what_is_signed_here_is_accepted_here() {
    let clock = Clock::system();
    let mut verifier = by_secret(&clock);
    verifier.issuer = Some("mooring".to_owned());
    let now = clock.now().timestamp();
    let token = verifier
        .secret
        .as_ref()
        .unwrap()
        .sign(&NewToken {
            sub: SUB.parse().unwrap(),
            iat: now,
            exp: now + 60,
            name: None,
            portal_admin: false,
            aal: crate::authz::Assurance::Aal1,
            organizations: None,
            iss: Some("mooring".to_owned()),
            aud: None,
        })
        .unwrap();
    assert!(verifier.verify(token.expose_secret()).await.is_ok());
}

#[tokio::test]
async fn dates_go_by_the_clock() {
    let clock = Clock::movable();
    let verifier = by_secret(&clock);
    let token = hs256(&claims(&clock));
    assert!(verifier.verify(&token).await.is_ok());
    clock.advance(TimeDelta::seconds(3601));
    assert_eq!(verifier.verify(&token).await, Err(Unauthenticated::Expired));

    let now = clock.now().timestamp();
    for (name, ahead, accepted) in [
        ("nbf", 20, true),
        ("nbf", 90, false),
        ("iat", 20, true),
        ("iat", 90, false),
    ] {
        let mut early = claims(&clock);
        early[name] = json!(now + ahead);
        let result = verifier.verify(&hs256(&early)).await;
        assert_eq!(result.is_ok(), accepted, "{name} {ahead}");
    }
}

#[tokio::test]
async fn a_token_needs_an_end_and_a_uuid() {
    let clock = Clock::system();
    let verifier = by_secret(&clock);
    for broken in [
        json!({ "sub": SUB }),
        json!({ "sub": SUB, "exp": "tomorrow" }),
        json!({ "sub": "ada", "exp": clock.now().timestamp() + 60 }),
        json!({ "exp": clock.now().timestamp() + 60 }),
        json!({ "sub": SUB, "exp": clock.now().timestamp() + 60, "portal_admin": "yes" }),
    ] {
        assert!(
            is_invalid(&verifier.verify(&hs256(&broken)).await),
            "{broken}"
        );
    }
}

#[tokio::test]
async fn forgeries_are_refused() {
    let clock = Clock::system();
    let verifier = by_secret(&clock);
    let good = hs256(&claims(&clock));
    let parts: Vec<&str> = good.split('.').collect();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = part(&json!({ "alg": "none", "typ": "JWT" }));
    let admin = part(&json!({ "sub": SUB, "exp": 9_999_999_999_u64, "portal_admin": true }));
    let crit = part(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }));
    for forged in [
        String::new(),
        "a.b.c".to_owned(),
        format!("{none}.{admin}."),
        format!("{none}.{admin}.{}", parts[2]),
        format!("{}.{admin}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{crit}.{}.{}", parts[1], parts[2]),
        format!("{}.{}", good, "x".repeat(20_000)),
    ] {
        assert!(is_invalid(&verifier.verify(&forged).await), "{forged:.80}");
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let other = jsonwebtoken::encode(&Header::new(algorithm), &claims(&clock), &key).unwrap();
        assert!(is_invalid(&verifier.verify(&other).await));
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let clock = Clock::system();
    let pair = Pair::rsa();
    let jwk = pair.jwk("one");
    let provider = Provider::with(std::slice::from_ref(&jwk));
    let mut verifier = by_keys(&clock, &provider);
    // HS256 over what everybody can read: the key's document, its modulus, and its PEM-less bytes.
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    for public in [
        jwk.to_string().into_bytes(),
        modulus.clone().into_bytes(),
        URL_SAFE_NO_PAD.decode(&modulus).unwrap(),
    ] {
        let key = EncodingKey::from_secret(&public);
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("one".to_owned());
        let token = jsonwebtoken::encode(&header, &claims(&clock), &key).unwrap();
        assert!(is_invalid(&verifier.verify(&token).await));
        verifier.secret = Secret256::new(&Secret::from(SECRET));
        assert!(is_invalid(&verifier.verify(&token).await));
        verifier.secret = None;
    }
    // And the other way round: keys are configured, a secret is not.
    assert!(is_invalid(&verifier.verify(&hs256(&claims(&clock))).await));
    let good = pair.token(Some("one"), &claims(&clock));
    assert!(is_invalid(&by_secret(&clock).verify(&good).await));
    assert!(verifier.verify(&good).await.is_ok());
}

#[tokio::test]
async fn issuer_and_audience_count_where_configured() {
    let clock = Clock::system();
    let mut verifier = by_secret(&clock);
    verifier.issuer = Some("https://id.example.org".to_owned());
    verifier.audience = Some("mooring".to_owned());
    let with = |iss: Value, aud: Value| {
        let mut claims = claims(&clock);
        claims["iss"] = iss;
        claims["aud"] = aud;
        hs256(&claims)
    };
    let issuer = json!("https://id.example.org");
    for (token, accepted) in [
        (with(issuer.clone(), json!("mooring")), true),
        (with(issuer.clone(), json!(["other", "mooring"])), true),
        (with(issuer.clone(), json!("other")), false),
        (with(issuer.clone(), Value::Null), false),
        (
            with(json!("https://id.example.com"), json!("mooring")),
            false,
        ),
        (hs256(&claims(&clock)), false),
    ] {
        assert_eq!(verifier.verify(&token).await.is_ok(), accepted);
    }
}

#[test]
fn a_short_secret_is_none() {
    assert!(Secret256::new(&Secret::from("short")).is_none());
}
