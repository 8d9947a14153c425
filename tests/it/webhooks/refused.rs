//! What is not believed, not read, or not taken; and that nothing is stored of it.

use mooring_forge::{Letter, Scheme};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use super::Letters;
use crate::bad_input::rows;
use crate::world::{Api, run_test, run_without_worker, until, verifier};

const SCHEMES: [(&str, Scheme); 4] = [
    ("github", Scheme::GitHub),
    ("gitlab", Scheme::GitLabToken),
    ("bitbucket", Scheme::Bitbucket),
    ("azure_devops", Scheme::Azure),
];

#[test]
fn a_delivery_without_a_good_signature_is_401_and_leaves_no_trace() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        for (provider, scheme) in SCHEMES {
            let id = owner.any_connection(&w, provider).await;
            let before = rows(&w).await;
            let body = json!({ "id": "1", "eventType": "git.push" });
            let letter = Letters(&w).letter("1", "push", &body);
            let bare = super::Hook {
                api: w.api.clone(),
                path: format!("/api/v1/webhooks/{provider}/{id}"),
                secret: "whsec_AAAA".to_owned(),
                scheme,
                extra: Vec::new(),
            };
            // There is no secret yet.
            bare.send(&letter).await.problem(401, "invalid_signature");
            assert_eq!(rows(&w).await, before);

            let hook = owner.hook(&id, scheme).await;
            let before = rows(&w).await;
            bare.send(&letter).await.problem(401, "invalid_signature");
            let unsigned: Vec<_> = [("x-github-event", "push"), ("x-gitlab-event", "push")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            let answer = hook.send_with(&letter, &unsigned).await;
            answer.problem(401, "invalid_signature");
            assert!(!answer.to_string().contains(&hook.secret));
            // Another body under a good signature; Azure's says nothing of the body.
            if scheme != Scheme::Azure && scheme != Scheme::GitLabToken {
                let other = Letter {
                    body: b"{}".to_vec(),
                    ..letter.clone()
                };
                let headers = letter.headers(scheme, &hook.secret);
                hook.send_with(&other, &headers)
                    .await
                    .problem(401, "invalid_signature");
            }
            assert_eq!(rows(&w).await, before);
            hook.accepted(&letter).await;
        }
    });
}

#[test]
fn who_is_not_there_is_404_before_a_byte_is_read() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner.any_connection(&w, "github").await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let letter = Letters(&w).letter("1", "push", &json!({}));
        let unknown = "01234567-89ab-7def-8123-456789abcdef";
        for path in [
            format!("/api/v1/webhooks/github/{unknown}"),
            format!("/api/v1/webhooks/gitlab/{id}"),
            format!("/api/v1/webhooks/gitea/{id}"),
            "/api/v1/webhooks/github/1".to_owned(),
        ] {
            let hook = super::Hook {
                path,
                ..hook.clone()
            };
            hook.send(&letter).await.problem(404, "not_found");
        }
        let of_app = super::Hook {
            path: "/api/v1/webhooks/github".to_owned(),
            ..hook.clone()
        };
        of_app.send(&letter).await.problem(404, "not_found");
        let mut unknown_app = of_app.clone();
        let target = ("x-github-hook-installation-target-id", "77");
        unknown_app.extra = vec![(target.0.to_owned(), target.1.to_owned())];
        unknown_app.send(&letter).await.problem(404, "not_found");
    });
}

#[test]
fn what_cannot_be_read_is_400_after_the_signature_held() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner.any_connection(&w, "github").await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let before = rows(&w).await;
        for body in ["", "[]", "{", "{\"a\":1}x", "\"x\"", "\u{1}"] {
            let letter = Letter {
                body: body.as_bytes().to_vec(),
                ..Letters(&w).letter("1", "push", &json!({}))
            };
            hook.send(&letter).await.problem(400, "malformed_payload");
        }
        let mut letter = Letters(&w).letter("1", "", &json!({}));
        letter.body = b"{}".to_vec();
        hook.send(&letter).await.problem(400, "malformed_payload");
        assert_eq!(rows(&w).await, before);
    });
}

#[test]
fn bodies_have_a_bound_of_their_own() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.max_delivery = 3 * 1024 * 1024;
            settings.delivery_room = 4 * 1024 * 1024;
        })
        .await;
        let owner = w.owner().at(&api);
        let id = owner.any_connection(&w, "github").await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let with = |bytes: usize| Letter {
            body: json!({ "x": "y".repeat(bytes) }).to_string().into_bytes(),
            ..Letters(&w).letter(&bytes.to_string(), "push", &json!({}))
        };
        // More than other calls may send.
        hook.accepted(&with(2 * 1024 * 1024)).await;
        hook.send(&with(3 * 1024 * 1024))
            .await
            .problem(413, "body_too_large");
    });
}

#[test]
fn an_organization_has_its_share_and_no_more() {
    run_without_worker(|w| async move {
        let api = Api::start(&w.context, verifier(&w.clock), |settings| {
            settings.deliveries.burst = 3.0;
            settings.deliveries.per_second = 0.001;
        })
        .await;
        let owner = w.owner().at(&api);
        let id = owner.any_connection(&w, "github").await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        for number in 0..3 {
            let letter = Letters(&w).letter(&number.to_string(), "push", &json!({ "n": number }));
            hook.accepted(&letter).await;
        }
        let letter = Letters(&w).letter("4", "push", &json!({ "n": 4 }));
        let answer = hook.send(&letter).await;
        answer.problem(429, "too_many_deliveries");
        assert!(answer.header("retry-after").is_some());
        // Who does not prove to be the provider spends nothing of it: refused as that.
        let forged = super::Hook {
            secret: "whsec_AA".to_owned(),
            ..hook.clone()
        };
        forged.send(&letter).await.problem(401, "invalid_signature");
    });
}

#[test]
fn what_the_database_does_not_take_is_503_and_a_sync_makes_up_for_it() {
    run_test(|w| async move {
        let owner = w.owner();
        let id = owner.any_connection(&w, "github").await;
        owner.synced(&id).await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let letter = Letters(&w).letter("1", "star", &json!({}));
        let options = &w.options;
        let owner_of_schema = |sql: &'static str| async move {
            let mut db = PgConnection::connect_with(options).await.unwrap();
            db.execute(sql).await.unwrap();
        };
        owner_of_schema("REVOKE INSERT ON webhook_deliveries FROM mooring_system").await;
        let answer = hook.send(&letter).await;
        answer.problem(503, "not_stored");
        assert!(answer.header("retry-after").is_some());
        owner_of_schema("GRANT INSERT ON webhook_deliveries TO mooring_system").await;
        hook.accepted(&letter).await;
        until("a sync", || async {
            let runs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            let by_webhook = runs["syncs"][0]["trigger"] == "webhook";
            by_webhook.then_some(())
        })
        .await;
    });
}
