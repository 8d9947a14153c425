//! Promise 6: windows of requests are shared by all connections of an account and by all processes.

use std::time::Duration;

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Hold, Match, TokenSpec};
use serde_json::{Value, json};

use shared::authz::Permission;
use shared::domain::meter::CallClass;
use shared::flows::connections;
use shared::session;

use super::{moved_until, stranger};
use crate::world::{Caller, World, run_test, run_without_worker, until};

/// So many connections of one user, each with a token of its own.
async fn connections_of_one(
    w: &World,
    owner: &Caller,
    count: usize,
    repositories: usize,
) -> Vec<String> {
    w.forge.add_user("octo");
    w.forge.add_repositories("octo", repositories);
    let mut ids = Vec::new();
    for _ in 0..count {
        let token = w
            .forge
            .mint(TokenSpec::classic("octo").scopes(["repo", "read:org"]));
        ids.push(owner.connect("github", &token).await);
    }
    ids
}

/// What the forge refused because of a limit.
fn limited(w: &World) -> usize {
    let all = w.forge.requests(&Match::face(Face::GitHub));
    let refused = |status: Option<u16>| matches!(status, Some(403 | 429));
    all.iter().filter(|request| refused(request.status)).count()
}

async fn complete(owner: &Caller, ids: &[String]) -> bool {
    for id in ids {
        let runs = owner.get(&format!("/git-connections/{id}/syncs")).await;
        if runs.expect(200)["syncs"][0]["complete"] != true {
            return false;
        }
    }
    true
}

async fn jobs_of(owner: &Caller, status: &str) -> Vec<Value> {
    let path = format!("/jobs?kind=sync_connection&status={status}&per_page=100");
    let jobs = owner.get(&path).await.expect(200);
    jobs["jobs"].as_array().unwrap().clone()
}

/// Forty connections of one user with much more to read than the window holds, in three processes.
#[test]
fn a_window_is_never_overdrawn_and_whoever_waits_for_an_answer_gets_one() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let ids = connections_of_one(&w, &owner, 40, 300).await;
        // Of 5,000; a sync leaves 750 of it to others.
        w.forge.set_remaining(Face::GitHub, "octo", 810);
        w.forge.clear_log();
        w.start_worker();
        for name in ["second", "third"] {
            w.start_worker_of(&w.other_process(name), &w.options);
        }
        until("everybody to wait for the next window", || async {
            let waiting = jobs_of(&owner, "queued").await;
            let later = |job: &&Value| job["result"]["waits_for"] == "rate_limit";
            let running = jobs_of(&owner, "running").await.len();
            let done = jobs_of(&owner, "succeeded").await.len();
            let waits = waiting.iter().filter(later).count();
            (running == 0 && waits + done == ids.len() && waits > 10).then_some(())
        })
        .await;
        let used = w.forge.count(&Match::face(Face::GitHub));
        // A process knows of the others' requests half a second later.
        assert!((50..=90).contains(&used), "{used} requests of sixty");
        // It says until when, and that it goes on where it stands.
        let waiting = jobs_of(&owner, "queued").await;
        let job = waiting.iter().find(|job| !job["result"].is_null()).unwrap();
        assert!(job["result"]["until"].is_string(), "{job}");
        assert_eq!(job["error"], Value::Null);
        // Whoever waits for an answer is not concerned.
        for id in &ids[..10] {
            let path = format!("/git-connections/{id}/branches?repo=octo/repo-00001");
            owner.get(&path).await.expect(200);
        }
        let path = format!("/git-connections/{}/validate", ids[0]);
        let answer = owner.post(&path, json!({})).await.expect(200);
        assert!(answer["rate_limit_remaining"].as_i64().unwrap() < 750);
        // And neither has anybody been told to worry.
        assert_eq!(owner.connection(&ids[5]).await["health"]["code"], "ok");
        w.clock.advance(TimeDelta::minutes(61));
        moved_until(&w, TimeDelta::seconds(10), || complete(&owner, &ids)).await;
        assert_eq!(limited(&w), 0, "the forge had to refuse");
    });
}

#[test]
fn at_the_end_of_a_window_nobody_asks() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let ids = connections_of_one(&w, &owner, 2, 5).await;
        w.forge.set_remaining(Face::GitHub, "octo", 3);
        let path = |n: usize| format!("/git-connections/{}/branches?repo=octo/repo-00001", ids[n]);
        for n in [0, 1, 0] {
            let answer = owner.get(&path(n)).await;
            if answer.status != 200 {
                answer.problem(503, "provider_rate_limited");
            }
        }
        let refused = owner.get(&path(1)).await;
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((3_000..=3_600).contains(&wait), "{wait}");
        refused.problem(503, "provider_rate_limited");
        // Another process has not asked yet, and knows.
        let other = w.other_process("second");
        let permit = w.permit(Permission::ConnectionsList);
        let connection = connections::find(&other, &permit, ids[1].parse().unwrap());
        let connection = connection.await.unwrap();
        until("the others to be told", || async {
            let class = CallClass::Interactive;
            let session = session::open(&other, connection.clone(), class)
                .await
                .unwrap();
            session
                .access
                .meter
                .clone()
                .leave()
                .await
                .is_err()
                .then_some(())
        })
        .await;
        assert_eq!(limited(&w), 0);
        w.clock.advance(TimeDelta::minutes(61));
        owner.get(&path(0)).await.expect(200);
    });
}

/// A secondary limit stops all connections of the account, until the moment that it names.
#[test]
fn a_secondary_limit_parks_the_account_and_nobody_else() {
    run_test(|w| async move {
        let owner = w.owner();
        let ids = connections_of_one(&w, &owner, 3, 5).await;
        for id in &ids {
            owner.synced(id).await;
        }
        let alien = w.github_account("alien", 2);
        let alien = owner.connect_and_sync("github", &alien).await;
        let body = json!({ "message": "You have exceeded a secondary rate limit." });
        let limit = Canned::json(403, body).header("retry-after", "120");
        let fault = Fault::on(
            Match::face(Face::GitHub).path("/user/repos"),
            Action::Answer(limit),
        );
        let fault = w.forge.fault(fault.times(1));
        owner
            .post(&format!("/git-connections/{}/sync", ids[0]), json!({}))
            .await
            .expect(202);
        until("the limit", || async {
            (w.forge.hits(fault) == 1).then_some(())
        })
        .await;
        w.idle().await;
        w.forge.clear_log();
        for id in &ids {
            let path = format!("/git-connections/{id}/branches?repo=octo/repo-00001");
            owner.get(&path).await.problem(503, "provider_rate_limited");
        }
        assert_eq!(w.forge.count(&Match::any()), 0);
        let path = format!("/git-connections/{alien}/branches?repo=alien/repo-00001");
        owner.get(&path).await.expect(200);
        // No revocation, and the sync goes on by itself.
        assert_eq!(owner.connection(&ids[0]).await["status"], "active");
        w.clock.advance(TimeDelta::seconds(130));
        moved_until(&w, TimeDelta::seconds(5), || async {
            jobs_of(&owner, "queued").await.is_empty()
        })
        .await;
        assert!(complete(&owner, &ids).await);
    });
}

/// Of one account fewer than a hundred requests are in flight, whoever has connected it, and somebody
/// who waits comes in.
#[test]
fn a_hundred_at_once_are_never_reached() {
    run_without_worker(|w| async move {
        w.forge.add_user("octo");
        w.forge.add_repositories("octo", 1_100);
        let mut all = Vec::new();
        for number in 0..12 {
            let (_, caller) = stranger(&w, &format!("Tenant {number}")).await;
            let token = w
                .forge
                .mint(TokenSpec::classic("octo").scopes(["repo", "read:org"]));
            let id = caller.connect("github", &token).await;
            all.push((caller, id));
        }
        let listing = Match::face(Face::GitHub).path("/user/repos");
        let gate = w.forge.gate(listing, Hold::BeforeWork);
        for name in ["second", "third", "fourth"] {
            w.start_worker_of(&w.other_process(name), &w.options);
        }
        // The first page of each is asked for alone, then ten at a time.
        gate.arrived(12).await;
        gate.release(12);
        gate.arrived(12 + 60).await;
        let (caller, id) = &all[0];
        let path = format!("/git-connections/{id}/branches?repo=octo/repo-00001");
        caller.get(&path).await.expect(200);
        // Longer than the processes take to hear of each other.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let held = gate.count() - 12;
        assert!(held <= 85, "{held} in flight");
        gate.open();
        until("all syncs", || async {
            for (caller, id) in &all {
                if !complete(caller, std::slice::from_ref(id)).await {
                    return None;
                }
            }
            Some(())
        })
        .await;
    });
}
