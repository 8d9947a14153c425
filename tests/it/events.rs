//! What happens, followed over HTTP: to its end, through lost lines, at any process, by whom it
//! concerns.

mod slow;

use std::time::Duration;

use chrono::TimeDelta;
use mooring_forge::{Face, Hold, Match};
use serde_json::{Value, json};
use shared::domain::organization::Role;

use crate::world::{
    Api, Caller, Event, World, new_organization, run_test, run_without_worker, sign, verifier,
};

fn is_job(event: &Event, status: &str) -> bool {
    event.name == "job" && event.data["status"] == status
}

#[test]
fn a_sync_is_followed_from_its_start_to_its_end() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut events = owner.follow(None).await;
        let token = w.github_account("octo", 250);
        let third = Match::face(Face::GitHub).path("/user/repos").page(3);
        let gate = w.forge.gate(third, Hold::BeforeWork);
        owner.connect("github", &token).await;
        gate.arrived(1).await;
        let running = events
            .until("progress", |event| {
                is_job(event, "running") && event.data["progress"]["done"] == 200
            })
            .await;
        gate.open();
        let ended = events
            .until("the end", |event| is_job(event, "succeeded"))
            .await;
        assert_eq!(ended.data["id"], running.data["id"]);
        assert_eq!(ended.data["progress"]["done"], 250);
        let id = ended.data["id"].as_str().unwrap();
        let shown = owner.get(&format!("/jobs/{id}")).await.expect(200);
        assert_eq!(ended.data, shown, "the event has the shape of the job");
    });
}

/// A second server over the same database, with nothing shared but that.
async fn another_process(w: &World) -> Api {
    Api::start(&w.context, verifier(&w.clock), |_| {}).await
}

#[test]
fn who_comes_back_to_another_process_is_told_what_happened_meanwhile() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut events = owner.follow(None).await;
        let token = w.github_account("octo", 120);
        let id = owner.connect("github", &token).await;
        events
            .until("the first sync", |event| is_job(event, "succeeded"))
            .await;
        let stood = events.last_id.clone().unwrap();
        drop(events);

        let sync = format!("/git-connections/{id}/sync");
        let missed = owner.post(&sync, json!({})).await;
        let job = owner.job_ended(missed.header("location").unwrap()).await;
        assert_eq!(job["status"], "succeeded");

        let there = owner.at(&another_process(&w).await);
        let mut events = there.follow(Some(&stood)).await;
        let told = events
            .until("the missed job", |event| event.data["id"] == job["id"])
            .await;
        assert_eq!(told.data, job);
        // And it goes on from there.
        let next = owner.post(&sync, json!({})).await.expect(202);
        events
            .until("the next job", |event| {
                event.data["id"] == next["id"] && is_job(event, "succeeded")
            })
            .await;
    });
}

#[test]
fn every_process_tells_what_any_of_them_changed() {
    run_test(|w| async move {
        let owner = w.owner();
        let there = owner.at(&another_process(&w).await);
        let (mut here, mut elsewhere) = (owner.follow(None).await, there.follow(None).await);
        let token = w.github_account("octo", 3);
        owner.connect("github", &token).await;
        for events in [&mut here, &mut elsewhere] {
            events
                .until("the sync", |event| is_job(event, "succeeded"))
                .await;
        }
    });
}

#[test]
fn a_connection_that_changes_its_status_is_told() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let id = owner.connect_and_sync("github", &token).await;
        let mut events = owner.follow(None).await;
        let stood = events.last_id.clone().unwrap();
        w.forge.revoke(&token);
        let validate = format!("/git-connections/{id}/validate");
        owner.post(&validate, Value::Null).await.expect(200);
        let changed = |event: &Event| event.name == "connection.status_changed";
        let told = events.until("the change", changed).await.data;
        assert_eq!(
            (&told["connection_id"], &told["from"]),
            (&json!(id), &json!("active"))
        );
        let now = owner.connection(&id).await;
        assert_eq!(told["to"], now["status"]);
        assert_eq!(told["code"], now["health"]["code"]);
        let mut again = owner.follow(Some(&stood)).await;
        assert_eq!(again.until("the change", changed).await.data, told);
    });
}

#[test]
fn an_id_that_is_none_of_ours_is_answered_with_a_reset() {
    run_without_worker(|w| async move {
        let mut events = w.owner().follow(Some("sixty-four")).await;
        assert_eq!(events.next().await.unwrap().name, "reset");
    });
}

#[test]
fn nobody_hears_of_another_tenant() {
    run_test(|w| async move {
        let other = new_organization(&w.context, "Other").await;
        let stranger = w.member_of(other, Role::Owner);
        let mut quiet = stranger.follow(None).await;
        let peeking = Caller {
            home: w.owner().home,
            ..stranger.clone()
        };
        peeking.get("/events").await.problem(404, "not_found");
        let owner = w.owner();
        let mut events = owner.follow(None).await;
        let token = w.github_account("octo", 3);
        owner.connect("github", &token).await;
        events
            .until("the sync", |event| is_job(event, "succeeded"))
            .await;
        let heard = tokio::time::timeout(Duration::from_secs(2), quiet.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    });
}

#[test]
fn a_stream_ends_with_its_token() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let brief = Caller {
            token: sign(&shared::authz::jwt::NewToken {
                exp: w.clock.now().timestamp() + 60,
                ..w.claims(Some(&[(w.organization, Role::Owner)]))
            }),
            ..owner.clone()
        };
        let program = owner.api_token(&["org.jobs.list"]).await;
        let mut of_person = brief.follow(None).await;
        let mut of_program = program.follow(None).await;
        let mut stays = owner.follow(None).await;
        w.clock.advance(TimeDelta::seconds(61));
        of_person.ended().await;
        brief.get("/events").await.problem(401, "token_expired");

        let tokens = owner.get("/api-tokens").await.expect(200);
        let id = tokens["api_tokens"][0]["id"].as_str().unwrap();
        owner.delete(&format!("/api-tokens/{id}")).await.expect(204);
        of_program.ended().await;
        let heard = tokio::time::timeout(Duration::from_millis(500), stays.next()).await;
        assert!(heard.is_err(), "the others go on: {heard:?}");
    });
}

#[test]
fn the_platform_is_followed_by_those_who_run_it() {
    run_test(|w| async move {
        let admin = w.admin();
        let mut events = admin.follow(None).await;
        let token = w.github_account("octo", 3);
        admin.connect("github", &token).await;
        let told = events
            .until("the sync", |event| is_job(event, "succeeded"))
            .await;
        assert_eq!(told.data["organization_id"], Value::Null);
        let peeking = Caller {
            home: admin.home,
            ..w.owner()
        };
        peeking
            .get("/events")
            .await
            .problem(403, "permission_denied");
    });
}
