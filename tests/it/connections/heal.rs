//! A dead token, and the new one that takes its place.

use mooring_forge::{Face, Hold, Match, TokenSpec};
use serde_json::{Value, json};

use crate::world::{Caller, run_test, until};

#[test]
fn a_new_token_heals_the_same_connection_and_its_repositories_stay() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 5);
        let id = owner.connect_and_sync("github", &token).await;
        let before = repositories(&owner).await;
        w.forge.revoke(&token);
        let path = format!("/git-connections/{id}");
        let validated = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&validated["valid"], &validated["health"]["code"]),
            (&json!(false), &json!("reauth_required"))
        );
        assert!(
            validated["health"]["action"]
                .as_str()
                .unwrap()
                .contains("new token")
        );
        assert!(
            validated["health"]["action_url"]
                .as_str()
                .unwrap()
                .contains("/settings/tokens"),
            "{validated}"
        );
        let dead = owner.connection(&id).await;
        assert_eq!(dead["status"], "revoked");

        // One that the provider refuses changes nothing.
        let body = json!({ "api_token": "ghp_0000000000000000000000000000000000000" });
        owner.patch(&path, body).await.problem(422, "invalid_token");
        let body = json!({ "api_token": "glpat-00000000000000000000" });
        owner
            .patch(&path, body)
            .await
            .problem(422, "wrong_provider_token");
        assert_eq!(owner.connection(&id).await, dead);

        let fresh = w.forge.mint(TokenSpec::classic("octo"));
        w.forge.add_repositories("octo", 1);
        let body = json!({ "api_token": format!("\n{fresh} ") });
        let healed = owner.patch(&path, body).await.expect(200);
        assert_eq!(
            (&healed["id"], &healed["status"], &healed["health"]["code"]),
            (&json!(id), &json!("active"), &json!("ok"))
        );
        until("the sync that follows", || async {
            let now = repositories(&owner).await;
            (now.len() == 6 && before.iter().all(|one| now.contains(one))).then_some(())
        })
        .await;
        let runs = owner.get(&format!("{path}/syncs")).await.expect(200);
        assert_eq!(runs["syncs"][0]["trigger"], "reconnected");
    });
}

#[test]
fn a_sync_that_is_refused_marks_the_connection_and_asks_no_second_time() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.gitlab_account("tanuki", 3);
        let id = owner.connect_and_sync("gitlab", &token).await;
        w.forge.revoke(&token);
        w.forge.clear_log();
        let job = owner.sync(&id).await;
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("connection_unhealthy"))
        );
        assert_eq!(w.forge.count(&mooring_forge::Match::any()), 1);
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("revoked"), &json!("reauth_required"))
        );
        assert_eq!(found["repository_count"], 3);
    });
}

#[test]
fn what_the_provider_says_of_the_old_token_does_not_count_against_the_new_one() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 2);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        w.forge.revoke(&token);
        let old = w.forge.token_id(&token).unwrap();
        let asked = Match::face(Face::GitHub).path("/user").token(old);
        let gate = w.forge.gate(asked, Hold::AfterWork);
        let (caller, validate) = (owner.clone(), format!("{path}/validate"));
        let validation = tokio::spawn(async move { caller.post(&validate, json!({})).await });
        gate.arrived(1).await;
        let fresh = w.forge.mint(TokenSpec::classic("octo"));
        owner
            .patch(&path, json!({ "api_token": fresh }))
            .await
            .expect(200);
        gate.open();
        // It is asked again, with the token that stands now.
        let answer = validation.await.unwrap().expect(200);
        assert_eq!(answer["valid"], true, "{answer}");
        w.idle().await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
    });
}

async fn repositories(owner: &Caller) -> Vec<Value> {
    let page = owner.get("/repositories?per_page=100").await.expect(200);
    let rows = page["repositories"].as_array().unwrap().iter();
    rows.map(|row| json!([row["id"], row["provider_repository_id"], row["full_name"]]))
        .collect()
}
