//! A sync while it runs: its progress, its one job, its end on demand.

use mooring_forge::{Face, Hold, Match};
use serde_json::{Value, json};

use crate::world::{run_test, until};

#[test]
fn progress_is_seen_and_a_second_call_answers_the_running_job() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let third = Match::face(Face::GitHub).path("/user/repos").page(3);
        let gate = w.forge.gate(third, Hold::BeforeWork);
        let id = owner.connect("github", &token).await;
        gate.arrived(1).await;
        let running = until("progress", || async {
            let jobs = owner.get("/jobs?status=running&kind=sync_connection").await;
            let job = jobs.expect(200)["jobs"][0].clone();
            (job["progress"]["done"] == 200).then_some(job)
        })
        .await;
        // How many there are is known when the last page is seen.
        let progress = &running["progress"];
        assert_eq!(
            (&progress["total"], &progress["unit"]),
            (&Value::Null, &json!("repositories"))
        );
        let run = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        let run = &run["syncs"][0];
        assert_eq!(
            (&run["status"], &run["found"], &run["complete"]),
            (&json!("running"), &json!(200), &json!(false))
        );
        // What is there can be read already.
        let stored = owner.get("/repositories").await.expect(200);
        assert_eq!(stored["total"], 200);

        let answer = owner
            .post(&format!("/git-connections/{id}/sync"), json!({}))
            .await;
        assert_eq!(answer.expect(202)["id"], running["id"]);
        let location = answer.header("location").unwrap();
        assert_eq!(
            location,
            format!("{}/jobs/{}", owner.home, running["id"].as_str().unwrap())
        );
        let full = owner
            .post(
                &format!("/git-connections/{id}/sync"),
                json!({ "full": true }),
            )
            .await;
        assert_eq!(full.expect(202)["id"], running["id"]);
        gate.open();
        let ended = owner.job_ended(location).await;
        assert_eq!(
            (&ended["status"], &ended["progress"]["done"]),
            (&json!("succeeded"), &json!(250))
        );
        w.idle().await;
        assert_eq!(owner.get("/jobs").await.expect(200)["total"], 1);
    });
}

#[test]
fn a_cancelled_sync_ends_though_the_provider_does_not_answer_and_removes_nothing() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let id = owner.connect_and_sync("github", &token).await;
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let gate = w.forge.gate(second, Hold::BeforeWork);
        let sync = format!("/git-connections/{id}/sync");
        let answer = owner.post(&sync, json!({})).await;
        let path = answer.header("location").unwrap().to_owned();
        gate.arrived(1).await;
        let cancel = format!("{path}/cancel");
        owner.post(&cancel, Value::Null).await.expect(200);
        let job = owner.job_ended(&path).await;
        assert_eq!(job["status"], "cancelled", "{job}");
        let runs = owner.get(&format!("{sync}s")).await.expect(200);
        let run = &runs["syncs"][0];
        assert_eq!(run["status"], "cancelled", "{run}");
        assert_eq!(
            (&run["complete"], &run["incomplete_reason"], &run["removed"]),
            (&json!(false), &json!("cancelled"), &json!(0))
        );
        gate.open();

        let retried = owner.post(&format!("{path}/retry"), Value::Null).await;
        retried.expect(202);
        let job = owner.job_ended(retried.header("location").unwrap()).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        assert_eq!(owner.connection(&id).await["repository_count"], 250);
        let again = owner.post(&format!("{path}/retry"), Value::Null).await;
        again.problem(409, "job_not_failed");
    });
}

#[test]
fn a_connection_may_be_deleted_in_the_middle_of_its_sync() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let gate = w.forge.gate(second, Hold::AfterWork);
        let id = owner.connect("github", &token).await;
        gate.arrived(1).await;
        owner
            .delete(&format!("/git-connections/{id}"))
            .await
            .expect(204);
        gate.open();
        w.idle().await;
        let job = owner.get("/jobs").await.expect(200)["jobs"][0].clone();
        assert!(
            matches!(job["status"].as_str(), Some("cancelled" | "succeeded")),
            "{job}"
        );
        assert_eq!(owner.get("/repositories").await.expect(200)["total"], 0);
    });
}

#[test]
fn a_listing_that_was_begun_with_another_token_is_begun_anew() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let second = Match::face(Face::GitHub).path("/user/repos").page(2);
        let gate = w.forge.gate(second, Hold::BeforeWork);
        let id = owner.connect("github", &token).await;
        gate.arrived(1).await;
        // Another account: what the first one saw says nothing of it.
        let body = json!({ "api_token": w.github_account("mona", 120) });
        let path = format!("/git-connections/{id}");
        owner.patch(&path, body).await.expect(200);
        w.forge.revoke(&token);
        gate.open();
        until("the listing of the new account", || async {
            let connection = owner.connection(&id).await;
            (connection["repository_count"] == 120).then_some(())
        })
        .await;
        w.idle().await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (
                &found["status"],
                &found["health"]["code"],
                &found["username"]
            ),
            (&json!("active"), &json!("ok"), &json!("mona"))
        );
        let rows = owner.get("/repositories?search=octo").await.expect(200);
        assert_eq!(rows["total"], 0);
    });
}
