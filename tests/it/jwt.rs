//! User tokens: what is accepted, and every way to forge one.

mod identity_provider;
mod pairs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use shared::authz::jwt::{NewToken, Verifier};
use shared::domain::organization::Role;
use uuid::Uuid;

use crate::world::{Answer, Api, Caller, JWT_SECRET, World, run_without_worker, sign, verifier};
use identity_provider::IdentityProvider;
use pairs::Pair;

fn claims(w: &World) -> Value {
    serde_json::to_value(w.claims(Some(&[(w.organization, Role::Owner)]))).unwrap()
}

async fn with(w: &World, api: &Api, token: &str) -> Answer {
    let caller = Caller {
        api: api.clone(),
        token: token.to_owned(),
        home: w.owner().home,
    };
    caller.get("/git-connections").await
}

#[test]
fn what_is_no_token_of_ours_is_refused() {
    run_without_worker(|w| async move {
        let good = sign(&w.claims(Some(&[(w.organization, Role::Owner)])));
        with(&w, &w.api, &good).await.expect(200);
        let (head, signature) = good.rsplit_once('.').unwrap();
        let payload = head.split_once('.').unwrap().1;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut more = claims(&w);
        more["portal_admin"] = json!(true);
        let hs256 = part(json!({ "alg": "HS256", "typ": "JWT" }));
        let other = EncodingKey::from_secret(b"another secret that is long enough to sign");
        let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(&w), &other);
        let strong = EncodingKey::from_secret(JWT_SECRET.as_bytes());
        let hs512 = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(&w), &strong);
        for (what, token) in [
            ("another secret", forged.unwrap()),
            ("another algorithm of the same secret", hs512.unwrap()),
            (
                "other claims",
                format!("{hs256}.{}.{signature}", part(more)),
            ),
            ("no signature", format!("{head}.")),
            (
                "alg none",
                format!("{}.{payload}.", part(json!({ "alg": "none" }))),
            ),
            (
                "alg None with one",
                format!("{}.{payload}.{signature}", part(json!({ "alg": "None" }))),
            ),
            (
                "a critical extension",
                format!(
                    "{}.{payload}.{signature}",
                    part(json!({ "alg": "HS256", "crit": ["x"] }))
                ),
            ),
            ("no JWT", "hunter2".to_owned()),
            ("two parts", head.to_owned()),
            (
                "an API token that is none",
                "mrg_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            ),
        ] {
            let answer = with(&w, &w.api, &token).await;
            let problem = answer.problem(401, "invalid_token");
            assert!(!answer.to_string().contains(&token), "{what}: {answer}");
            assert!(
                problem["detail"].as_str().unwrap().len() > 20,
                "{what}: {answer}"
            );
        }
        let ended = NewToken {
            exp: w.clock.now().timestamp() + 60,
            ..w.claims(Some(&[(w.organization, Role::Owner)]))
        };
        let ended = sign(&ended);
        with(&w, &w.api, &ended).await.expect(200);
        w.clock.advance(TimeDelta::seconds(61));
        with(&w, &w.api, &ended).await.problem(401, "token_expired");
    });
}

#[test]
fn claims_that_a_token_must_have() {
    run_without_worker(|w| async move {
        let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
        for (field, value) in [
            ("exp", Value::Null),
            ("exp", json!("tomorrow")),
            ("sub", Value::Null),
            ("sub", json!("ada")),
            ("nbf", json!(w.clock.now().timestamp() + 3600)),
        ] {
            let mut claims = claims(&w);
            claims[field] = value.clone();
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key);
            let answer = with(&w, &w.api, &token.unwrap()).await;
            assert_eq!(answer.status, 401, "{field} {value}: {answer}");
        }
    });
}

/// An API that takes tokens of an identity provider beside its own.
async fn federated(w: &World, provider: &IdentityProvider) -> Api {
    let verifier = Verifier {
        keys: Some(provider.keys()),
        ..verifier(&w.clock)
    };
    Api::start(&w.context, verifier, |_| {}).await
}

#[test]
fn an_identity_provider_signs_with_rsa_elliptic_curves_and_edwards_curves() {
    run_without_worker(|w| async move {
        let pairs = [Pair::rsa(), Pair::ec(), Pair::ed()];
        let provider = IdentityProvider::serve(&pairs).await;
        let api = federated(&w, &provider).await;
        for pair in &pairs {
            let answer = with(&w, &api, &pair.token(Some(pair.kid()), &claims(&w))).await;
            answer.expect(200);
            // The only key of its kind needs no name.
            with(&w, &api, &pair.token(None, &claims(&w)))
                .await
                .expect(200);
        }
        let own = sign(&w.claims(Some(&[(w.organization, Role::Owner)])));
        with(&w, &api, &own).await.expect(200);
        assert_eq!(provider.fetches(), 1);
        with(&w, &w.api, &pairs[0].token(None, &claims(&w)))
            .await
            .problem(401, "invalid_token");
    });
}

#[test]
fn a_public_key_is_no_shared_secret() {
    run_without_worker(|w| async move {
        let pairs = [Pair::rsa(), Pair::ec(), Pair::ed()];
        let provider = IdentityProvider::serve(&pairs).await;
        let api = federated(&w, &provider).await;
        for pair in &pairs {
            for public in pair.public_forms() {
                let mut header = Header::new(Algorithm::HS256);
                header.kid = Some(pair.kid().to_owned());
                let key = EncodingKey::from_secret(&public);
                let token = jsonwebtoken::encode(&header, &claims(&w), &key).unwrap();
                with(&w, &api, &token).await.problem(401, "invalid_token");
            }
            // Nor is the key of one algorithm that of another.
            for other in pairs.iter().filter(|other| other.kid() != pair.kid()) {
                let token = pair.token(Some(other.kid()), &claims(&w));
                with(&w, &api, &token).await.problem(401, "invalid_token");
            }
        }
        let stranger = Pair::rsa();
        let token = stranger.token(Some(pairs[0].kid()), &claims(&w));
        with(&w, &api, &token).await.problem(401, "invalid_token");
    });
}

#[test]
fn keys_rotate_and_an_unknown_one_is_looked_for_once() {
    run_without_worker(|w| async move {
        let (old, new, later) = (Pair::ec(), Pair::ec(), Pair::ec());
        let provider = IdentityProvider::serve(std::slice::from_ref(&old)).await;
        let api = federated(&w, &provider).await;
        let token = |pair: &Pair| pair.token(Some(pair.kid()), &claims(&w));
        with(&w, &api, &token(&old)).await.expect(200);
        assert_eq!(provider.fetches(), 1);

        provider.set(&[old.jwk(), new.jwk()]);
        with(&w, &api, &token(&new)).await.expect(200);
        assert_eq!(provider.fetches(), 2, "an unknown key makes us look");
        for _ in 0..5 {
            let answer = with(&w, &api, &Pair::ec().token(Some("made-up"), &claims(&w))).await;
            answer.problem(401, "invalid_token");
        }
        assert_eq!(
            provider.fetches(),
            2,
            "a stranger cannot make us look again and again"
        );
        w.clock.advance(TimeDelta::seconds(31));
        with(&w, &api, &token(&later))
            .await
            .problem(401, "invalid_token");
        assert_eq!(provider.fetches(), 3);

        // A key that is withdrawn ends here too, when the set is old.
        provider.set(&[new.jwk()]);
        with(&w, &api, &token(&old)).await.expect(200);
        w.clock.advance(TimeDelta::minutes(11));
        with(&w, &api, &token(&new)).await.expect(200);
        with(&w, &api, &token(&old))
            .await
            .problem(401, "invalid_token");

        // While it is away, known keys go on and others cannot be judged.
        provider.break_down();
        w.clock.advance(TimeDelta::minutes(11));
        with(&w, &api, &token(&new)).await.expect(200);
        let answer = with(&w, &api, &token(&later)).await;
        answer.problem(503, "identity_provider_unavailable");
        assert!(answer.header("retry-after").is_some());
    });
}

#[test]
fn issuer_and_audience_count_where_they_are_configured() {
    run_without_worker(|w| async move {
        let verifier = Verifier {
            issuer: Some("https://id.example.org".to_owned()),
            audience: Some("mooring".to_owned()),
            ..verifier(&w.clock)
        };
        let api = Api::start(&w.context, verifier, |_| {}).await;
        let token = |iss: Option<&str>, aud: Option<&str>| {
            sign(&NewToken {
                iss: iss.map(str::to_owned),
                aud: aud.map(str::to_owned),
                ..w.claims(Some(&[(w.organization, Role::Owner)]))
            })
        };
        let (issuer, audience) = (Some("https://id.example.org"), Some("mooring"));
        with(&w, &api, &token(issuer, audience)).await.expect(200);
        for token in [
            token(None, audience),
            token(issuer, None),
            token(Some("https://evil.example"), audience),
            token(issuer, Some("another product")),
        ] {
            with(&w, &api, &token).await.problem(401, "invalid_token");
        }
    });
}

#[test]
fn stored_memberships_count_where_the_claim_is_absent() {
    run_without_worker(|w| async move {
        let user = Uuid::from_u128(0x5709);
        let token = |organizations| {
            sign(&NewToken {
                sub: shared::domain::ids::UserId(user),
                ..w.claims(organizations)
            })
        };
        let without = token(None);
        with(&w, &w.api, &without).await.problem(404, "not_found");
        let path = format!("/members/{user}");
        let owner = w.owner();
        owner
            .put(&path, json!({ "role": "viewer" }))
            .await
            .expect(201);
        with(&w, &w.api, &without).await.expect(200);
        let viewer = Caller {
            token: without.clone(),
            ..owner.clone()
        };
        let created = viewer.post("/git-connections", json!({})).await;
        created.problem(403, "permission_denied");
        owner
            .put(&path, json!({ "role": "billing" }))
            .await
            .expect(200);
        with(&w, &w.api, &without)
            .await
            .problem(403, "permission_denied");
        // A claim counts instead of what is stored, also an empty one.
        with(&w, &w.api, &token(Some(&[])))
            .await
            .problem(404, "not_found");
        let claimed = token(Some(&[(w.organization, Role::Viewer)]));
        with(&w, &w.api, &claimed).await.expect(200);
        owner.delete(&path).await.expect(204);
        with(&w, &w.api, &without).await.problem(404, "not_found");
    });
}

#[test]
fn a_second_factor_is_asked_for_where_it_is_configured() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.require_aal2 = true;
        })
        .await;
        let weak = w.owner().at(&api);
        weak.get("/git-connections").await.expect(200);
        let answer = weak.patch("", json!({ "name": "Renamed" })).await;
        answer.problem(403, "aal2_required");
        let strong = sign(&NewToken {
            aal: shared::authz::Assurance::Aal2,
            ..w.claims(Some(&[(w.organization, Role::Owner)]))
        });
        let strong = Caller {
            token: strong,
            ..weak
        };
        strong
            .patch("", json!({ "name": "Renamed" }))
            .await
            .expect(200);
    });
}
