//! Tokens in use are not pulled away.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{attempts, becomes, gitlab, presentations, refresh, works};
use crate::world::{Caller, run_test};

async fn lend(owner: &Caller, id: &str, valid_for: &str) -> Value {
    let path = format!("/git-connections/{id}/credentials");
    let body = json!({ "purpose": "clone", "valid_for": valid_for });
    owner.post(&path, body).await.expect(201)
}

#[test]
fn a_token_in_use_outlives_the_buffer_and_its_last_minute_comes_first() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        w.clock.advance(TimeDelta::minutes(80));
        let lent = lend(&owner, &id, "38m").await;
        let token = w
            .forge
            .token_id(lent["password"].as_str().unwrap())
            .unwrap();
        let alive = || {
            w.forge
                .read(|state| state.token(token).unwrap().is_active(w.clock.now()))
        };
        assert_eq!(lent["username"], "oauth2");
        // Into the buffer: the sweep comes by, and waits.
        w.clock.advance(TimeDelta::minutes(33));
        w.idle().await;
        let asked = refresh(&owner, &id).await;
        assert_eq!(asked["success"], false, "{asked}");
        assert!(alive() && presentations(&w).is_empty());
        // Never given back: in the token's last minute it is renewed all the same.
        w.clock.advance(TimeDelta::minutes(6));
        becomes(&owner, &id, "a renewal", |c| {
            !c["last_refreshed_at"].is_null()
        })
        .await;
        assert_eq!(presentations(&w).len(), 1);
        assert!(!alive());
        works(&owner, &id).await;
    });
}

#[test]
fn half_an_hour_of_use_across_the_old_tokens_end_is_never_cut() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        w.clock.advance(TimeDelta::minutes(100));
        let before = owner.connection(&id).await["token_expires_at"].clone();
        let lent = lend(&owner, &id, "30m").await;
        let token = lent["password"].as_str().unwrap();
        let token = w.forge.token_id(token).unwrap();
        for minute in 1..=29 {
            w.clock.advance(TimeDelta::minutes(1));
            w.idle().await;
            let alive = w
                .forge
                .read(|state| state.token(token).unwrap().is_active(w.clock.now()));
            assert!(alive, "cut after {minute} minutes");
        }
        let end: chrono::DateTime<chrono::Utc> = before.as_str().unwrap().parse().unwrap();
        assert!(w.clock.now() > end, "the old token's end has passed");
        assert_eq!(presentations(&w).len(), 1);
        works(&owner, &id).await;
    });
}

#[test]
fn a_lease_given_back_lets_the_renewal_go_on() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        w.clock.advance(TimeDelta::minutes(80));
        let lent = lend(&owner, &id, "38m").await;
        w.clock.advance(TimeDelta::minutes(33));
        assert_eq!(refresh(&owner, &id).await["success"], false);
        let path = format!(
            "/git-connections/{id}/credentials/{}",
            lent["lease_id"].as_str().unwrap()
        );
        owner.delete(&path).await.expect(204);
        owner.delete(&path).await.expect(204);
        assert_eq!(refresh(&owner, &id).await["success"], true);
        assert_eq!(attempts(&w, &id).await, [(1, "refreshed".to_owned())]);
    });
}

#[test]
fn a_credential_that_would_not_last_is_renewed_first() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        w.clock.advance(TimeDelta::minutes(100));
        let lent = lend(&owner, &id, "40m").await;
        assert_eq!(presentations(&w).len(), 1);
        let ends: chrono::DateTime<chrono::Utc> =
            lent["expires_at"].as_str().unwrap().parse().unwrap();
        assert!(ends - w.clock.now() >= TimeDelta::minutes(39));
        // While it is lent, a longer one than it lasts cannot be had.
        let path = format!("/git-connections/{id}/credentials");
        let body = json!({ "purpose": "clone", "valid_for": "3h" });
        let problem = owner.post(&path, body).await;
        problem.problem(409, "validity_unavailable");
        let told = owner
            .get("/activity?event=git_connection_used")
            .await
            .expect(200);
        assert_eq!(told["entries"][0]["metadata"]["lease_id"], lent["lease_id"]);
        assert_eq!(told["entries"][0]["metadata"]["purpose"], "clone");
    });
}

#[test]
fn a_pasted_token_is_lent_with_its_clone_url() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}/credentials");
        let body = json!({ "purpose": "scan", "repository": "octo/repo-00001" });
        let lent = owner.post(&path, body).await.expect(201);
        assert_eq!(lent["username"], "x-access-token");
        assert_eq!(lent["password"], token);
        assert!(
            lent["clone_url"]
                .as_str()
                .unwrap()
                .ends_with("octo/repo-00001.git")
        );
        for (body, field) in [
            (json!({ "purpose": "" }), "purpose"),
            (json!({ "purpose": "x", "valid_for": "25h" }), "valid_for"),
            (json!({ "purpose": "x", "valid_for": "soon" }), "valid_for"),
            (
                json!({ "purpose": "x", "repository": "octo/nothing" }),
                "repository",
            ),
        ] {
            let answer = owner.post(&path, body).await;
            assert_eq!(answer.status, 422, "{answer}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{answer}");
        }
    });
}
