mod support;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use self::support::{Pair, Provider};
use super::*;
use crate::domain::organization::Role;
use crate::domain::secret::{ExposeSecret, Secret};

const SUB: &str = "018f3c5e-7a00-7000-8000-000000000001";
const SECRET: &str = "a secret that is long enough to sign";

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
async fn all_three_algorithms_verify_by_the_keys_own_type() {
    let clock = Clock::system();
    let pairs = [("r", Pair::rsa()), ("c", Pair::ec()), ("d", Pair::ed())];
    let mut keys: Vec<Value> = pairs.iter().map(|(kid, pair)| pair.jwk(kid)).collect();
    keys.push(json!({ "kty": "future", "kid": "f" }));
    keys.push(json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0" }));
    let provider = Provider::with(&keys);
    let verifier = by_keys(&clock, &provider);
    for (kid, pair) in &pairs {
        assert!(
            verifier
                .verify(&pair.token(Some(kid), &claims(&clock)))
                .await
                .is_ok(),
            "{kid}"
        );
        // Without a kid: the only key of its type.
        assert!(
            verifier
                .verify(&pair.token(None, &claims(&clock)))
                .await
                .is_ok(),
            "{kid}"
        );
        // Another key's name, or a stranger's key under a known name.
        let other = if *kid == "r" { "c" } else { "r" };
        assert!(is_invalid(
            &verifier
                .verify(&pair.token(Some(other), &claims(&clock)))
                .await
        ));
    }
    assert!(is_invalid(
        &verifier
            .verify(&Pair::ed().token(Some("d"), &claims(&clock)))
            .await
    ));
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once() {
    let clock = Clock::movable();
    let (old, new) = (Pair::ed(), Pair::ed());
    let provider = Provider::with(&[old.jwk("old")]);
    let verifier = by_keys(&clock, &provider);
    assert!(
        verifier
            .verify(&old.token(Some("old"), &claims(&clock)))
            .await
            .is_ok()
    );
    assert_eq!(provider.fetches(), 1);

    provider.set(Ok(json!({ "keys": [new.jwk("new")] })));
    let token = new.token(Some("new"), &claims(&clock));
    let together = futures_util::future::join_all((0..20).map(|_| verifier.verify(&token))).await;
    assert!(together.iter().all(Result::is_ok));
    assert_eq!(provider.fetches(), 2);
    // Rotated away.
    assert!(is_invalid(
        &verifier
            .verify(&old.token(Some("old"), &claims(&clock)))
            .await
    ));

    for _ in 0..50 {
        let stranger = Pair::ed().token(Some("made up"), &claims(&clock));
        assert!(is_invalid(&verifier.verify(&stranger).await));
    }
    assert_eq!(provider.fetches(), 2);
    clock.advance(TimeDelta::seconds(31));
    assert!(is_invalid(
        &verifier
            .verify(&new.token(Some("made up"), &claims(&clock)))
            .await
    ));
    assert_eq!(provider.fetches(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_ends_by_itself() {
    let clock = Clock::movable();
    let (old, new) = (Pair::ed(), Pair::ed());
    let provider = Provider::with(&[old.jwk("old")]);
    let verifier = by_keys(&clock, &provider);
    let token = old.token(Some("old"), &claims(&clock));
    assert!(verifier.verify(&token).await.is_ok());
    provider.set(Ok(json!({ "keys": [new.jwk("new")] })));
    assert!(verifier.verify(&token).await.is_ok());
    clock.advance(TimeDelta::minutes(11));
    assert!(is_invalid(&verifier.verify(&token).await));
}

#[tokio::test]
async fn a_provider_that_is_away_signs_nobody_out() {
    let clock = Clock::movable();
    let pair = Pair::ed();
    let provider = Provider::with(&[pair.jwk("one")]);
    let verifier = by_keys(&clock, &provider);
    let mut long = claims(&clock);
    long["exp"] = json!(clock.now().timestamp() + 100_000);
    let token = pair.token(Some("one"), &long);
    assert!(verifier.verify(&token).await.is_ok());
    provider.set(Err(KeysError("no route".to_owned())));
    clock.advance(TimeDelta::minutes(11));
    for _ in 0..10 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert_eq!(provider.fetches(), 2);
    let other = Pair::ed().token(Some("two"), &long);
    assert_eq!(
        verifier.verify(&other).await,
        Err(Unauthenticated::KeysUnavailable)
    );
    assert_eq!(provider.fetches(), 3);
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
