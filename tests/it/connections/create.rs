//! Making a connection: what is checked before anything is stored.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Match};
use serde_json::json;

use crate::world::{Caller, run_test, until};

#[test]
fn white_space_around_a_token_does_not_matter() {
    run_test(|w| async move {
        let token = w.github_account("octo", 1);
        let body = Caller::body("github", &format!(" \n\t{token}\r\n "));
        let made = w.owner().post("/git-connections", body).await.expect(201);
        assert_eq!(
            (&made["username"], &made["status"]),
            (&json!("octo"), &json!("active"))
        );
    });
}

#[test]
fn a_refused_token_stores_nothing() {
    run_test(|w| async move {
        let owner = w.owner();
        let revoked = w.github_account("octo", 1);
        w.forge.revoke(&revoked);
        let gitlab = w.gitlab_account("tanuki", 1);
        w.forge.revoke(&gitlab);
        for (provider, token) in [
            ("github", "ghp_0000000000000000000000000000000000000"),
            ("github", &revoked),
            ("gitlab", "glpat-00000000000000000000"),
            ("gitlab", &gitlab),
        ] {
            let answer = owner
                .post("/git-connections", Caller::body(provider, token))
                .await;
            let problem = answer.problem(422, "invalid_token");
            assert_eq!(problem["errors"][0]["field"], "api_token", "{answer}");
        }
        let listed = owner.get("/git-connections").await.expect(200);
        assert_eq!(
            (&listed["total"], &listed["connections"]),
            (&json!(0), &json!([]))
        );
        assert_eq!(owner.get("/jobs").await.expect(200)["total"], 0);
        assert_eq!(owner.get("/activity").await.expect(200)["total"], 0);
    });
}

#[test]
fn a_provider_that_is_down_delays_the_check_and_the_job_heals_it() {
    run_test(|w| async move {
        let owner = w.owner();
        let github = w.github_account("octo", 2);
        let gitlab = w.gitlab_account("tanuki", 2);
        let down = [
            Fault::on(Match::face(Face::GitHub), Action::Reset),
            Fault::on(Match::face(Face::GitLab), Action::Answer(Canned::html(503))),
        ]
        .map(|fault| w.forge.fault(fault));
        let mut made = Vec::new();
        for (provider, token) in [("github", &github), ("gitlab", &gitlab)] {
            let body = Caller::body(provider, token);
            let connection = owner.post("/git-connections", body).await.expect(201);
            assert_eq!(connection["status"], "error");
            assert_eq!(connection["health"]["code"], "unreachable");
            assert!(connection["validation_error"].is_string());
            made.push(connection["id"].as_str().unwrap().to_owned());
        }
        // The first validation by itself finds it down still, and is tried again.
        let tried = w.forge.count(&Match::any().path("/user"));
        w.clock.advance(TimeDelta::seconds(31));
        until("a validation by itself", || async {
            (w.forge.count(&Match::any().path("/user")) > tried).then_some(())
        })
        .await;
        for fault in down {
            w.forge.remove_fault(fault);
        }
        for id in &made {
            until("a healed connection", || async {
                // Back-off goes by the clock that tests move.
                w.clock.advance(TimeDelta::seconds(30));
                let connection = owner.connection(id).await;
                (connection["status"] == "active").then_some(())
            })
            .await;
            owner.synced(id).await;
            let connection = owner.connection(id).await;
            assert_eq!(connection["health"]["code"], "ok");
            assert_eq!(connection["repository_count"], 2);
            assert_eq!(connection["validation_error"], json!(null));
        }
    });
}

#[test]
fn a_limited_provider_delays_the_check_until_its_window_opens() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 2);
        let limited = Action::Answer(Canned::github_secondary_limit(120));
        let fault = w.forge.fault(Fault::on(Match::face(Face::GitHub), limited));
        let body = Caller::body("github", &token);
        let made = owner.post("/git-connections", body).await.expect(201);
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("error"), &json!("rate_limited"))
        );
        w.forge.remove_fault(fault);
        let id = made["id"].as_str().unwrap();
        w.clock.advance(TimeDelta::seconds(31));
        owner.synced(id).await;
        assert_eq!(owner.connection(id).await["health"]["code"], "ok");
    });
}

#[test]
fn scopes_that_syncing_needs_are_named_where_they_lack() {
    run_test(|w| async move {
        let owner = w.owner();
        w.forge.add_user("octo");
        let narrow = mooring_forge::TokenSpec::classic("octo").scopes(["read:user"]);
        let token = w.forge.mint(narrow);
        let body = Caller::body("github", &token);
        let made = owner.post("/git-connections", body).await.expect(201);
        assert_eq!(made["scopes"], json!(["read:user"]));
        let missing = made["missing_scopes"].as_array().unwrap();
        assert!(missing.contains(&json!("repo")), "{made}");
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("active"), &json!("scope_missing"))
        );
        let message = made["health"]["message"].as_str().unwrap();
        assert!(message.contains("repo"), "{message}");
    });
}
