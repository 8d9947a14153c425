//! `Idempotency-Key`: the same call again answers the first answer again.

use chrono::TimeDelta;
use http::Method;
use mooring_forge::{Face, Hold, Match};
use serde_json::{Value, json};
use shared::domain::organization::Role;

use crate::world::{Answer, Caller, new_organization, run_test, until};

async fn post(caller: &Caller, key: &str, path: &str, body: &Value) -> Answer {
    let call = caller.call(Method::POST, path).json(body);
    call.header("idempotency-key", key).send().await
}

#[test]
fn a_repeat_answers_the_first_answer_and_does_nothing() {
    run_test(|w| async move {
        let owner = w.owner();
        let body = Caller::body("github", &w.github_account("octo", 2));
        let first = post(&owner, "one", "/git-connections", &body).await;
        let made = first.expect(201);
        assert!(first.header("idempotent-replayed").is_none());
        w.idle().await;
        w.forge.clear_log();
        let again = post(&owner, "one", "/git-connections", &body).await;
        assert_eq!(again.expect(201), made);
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(w.forge.count(&Match::any()), 0);
        assert_eq!(owner.get("/git-connections").await.expect(200)["total"], 1);

        // Another body, another path, and the same key of somebody else.
        let mut other = body.clone();
        other["name"] = json!("another");
        for (path, body) in [
            ("/git-connections", &other),
            ("/git-connections/test", &body),
        ] {
            let answer = post(&owner, "one", path, body).await;
            answer.problem(409, "idempotency_mismatch");
        }
        let elsewhere = new_organization(&w.context, "Other").await;
        let stranger = Caller {
            token: crate::world::sign(&shared::authz::jwt::NewToken {
                sub: shared::domain::ids::UserId(uuid::Uuid::from_u128(0x99)),
                ..w.claims(Some(&[(elsewhere, Role::Owner)]))
            }),
            ..w.member_of(elsewhere, Role::Owner)
        };
        let theirs = post(&stranger, "one", "/git-connections", &body).await;
        assert_ne!(theirs.expect(201)["id"], made["id"]);
        w.clock.advance(TimeDelta::hours(25));
        let answer = post(&owner, "one", "/git-connections", &body).await;
        assert_ne!(
            answer.expect(201)["id"],
            made["id"],
            "after a day the key is free"
        );
    });
}

#[test]
fn refusals_are_kept_too_unless_a_repeat_may_mend_them() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        w.forge.revoke(&token);
        let body = Caller::body("github", &token);
        let first = post(&owner, "refused", "/git-connections", &body).await;
        first.problem(422, "invalid_token");
        let again = post(&owner, "refused", "/git-connections", &body).await;
        assert_eq!(
            again.problem(422, "invalid_token")["request_id"],
            first.json()["request_id"]
        );

        // The same live listing fails and then succeeds: that key was given back.
        let id = owner
            .connect_and_sync("github", &w.github_account("mona", 1))
            .await;
        let path = "/connected-repositories";
        let body = json!({ "connection_id": id, "full_name": "mona/elsewhere", "sast_enabled": true, "sca_enabled": true });
        let down =
            mooring_forge::Fault::on(Match::face(Face::GitHub), mooring_forge::Action::Reset);
        let down = w.forge.fault(down);
        post(&owner, "down", path, &body)
            .await
            .problem(502, "provider_unreachable");
        w.forge.remove_fault(down);
        post(&owner, "down", path, &body)
            .await
            .problem(422, "not_found");
    });
}

#[test]
fn a_second_call_while_the_first_is_under_way_is_told_so() {
    run_test(|w| async move {
        let owner = w.owner();
        let body = Caller::body("github", &w.github_account("octo", 1));
        let gate = w
            .forge
            .gate(Match::face(Face::GitHub).path("/user"), Hold::BeforeWork);
        let (caller, sent) = (owner.clone(), body.clone());
        let first =
            tokio::spawn(async move { post(&caller, "both", "/git-connections", &sent).await });
        gate.arrived(1).await;
        let second = post(&owner, "both", "/git-connections", &body).await;
        second.problem(409, "idempotency_in_progress");
        assert_eq!(second.header("retry-after"), Some("1"));
        gate.open();
        let made = first.await.unwrap().expect(201);
        let third = post(&owner, "both", "/git-connections", &body).await;
        assert_eq!(third.expect(201), made);
        assert_eq!(owner.get("/git-connections").await.expect(200)["total"], 1);
    });
}

#[test]
fn a_client_that_hangs_up_does_not_undo_its_call() {
    run_test(|w| async move {
        let owner = w.owner();
        let body = Caller::body("github", &w.github_account("octo", 1));
        let gate = w
            .forge
            .gate(Match::face(Face::GitHub).path("/user"), Hold::BeforeWork);
        let (caller, sent) = (owner.clone(), body.clone());
        let first =
            tokio::spawn(async move { post(&caller, "gone", "/git-connections", &sent).await });
        gate.arrived(1).await;
        first.abort();
        assert!(first.await.is_err());
        gate.open();
        let again = until("the first answer", || async {
            let answer = post(&owner, "gone", "/git-connections", &body).await;
            (answer.status != 409).then_some(answer)
        })
        .await;
        again.expect(201);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(owner.get("/git-connections").await.expect(200)["total"], 1);
    });
}

#[test]
fn a_secret_is_shown_once_also_to_a_repeat() {
    run_test(|w| async move {
        let owner = w.owner();
        let body = json!({ "name": "ci", "permissions": ["org.jobs.list"] });
        let first = post(&owner, "token", "/api-tokens", &body).await;
        let made = first.expect(201);
        assert!(made["secret"].as_str().unwrap().starts_with("mrg_"));
        let again = post(&owner, "token", "/api-tokens", &body).await;
        let repeated = again.expect(201);
        assert_eq!(
            (&repeated["id"], &repeated["secret"]),
            (&made["id"], &Value::Null)
        );
        assert_eq!(owner.get("/api-tokens").await.expect(200)["total"], 1);
    });
}

#[test]
fn a_key_that_is_none_is_refused() {
    run_test(|w| async move {
        let body = json!({ "name": "ci", "permissions": ["org.jobs.list"] });
        for key in ["", " ", &"k".repeat(256)] {
            let answer = post(&w.owner(), key, "/api-tokens", &body).await;
            answer.problem(400, "invalid_idempotency_key");
        }
    });
}
