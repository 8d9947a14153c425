//! Real processes of the program over one database: killed, told to end, side by side.

mod kills;
pub mod program;

use std::time::Duration;

use mooring_forge::{Face, Hold, Match};
use rustix::process::Signal;
use serde_json::json;
use shared::domain::organization::Role;

use crate::world::{Caller, Setup, World, run_as, until};
use program::{KEYS, Program};

/// A world whose work is done by other processes.
fn setup() -> Setup {
    Setup {
        keys: Some(KEYS.to_owned()),
        ..Setup::default()
    }
}

/// Below the attempts that a sync has.
const KILLS: usize = 5;

fn page(number: u32) -> Match {
    Match::face(Face::GitHub).path("/user/repos").page(number)
}

#[test]
fn a_killed_worker_loses_nothing_and_does_nothing_twice() {
    run_as(setup(), |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let gate = w.forge.gate(page(2), Hold::BeforeWork);
        let first = Program::start(&w, &["worker"]);
        let id = owner.connect("github", &token).await;
        gate.arrived(1).await;
        // The first page and the third, which was under way beside the second.
        until("two pages", || async {
            let stored = owner.get("/repositories").await.expect(200);
            (stored["total"] == 150).then_some(())
        })
        .await;
        first.kill().await;
        // Another was there all along, or comes later: the lease ends either way.
        let second = Program::start(&w, &["worker"]);
        gate.arrived(2).await;
        gate.open();
        owner.synced(&id).await;
        assert_eq!(
            (w.forge.count(&page(1)), w.forge.count(&page(3))),
            (1, 1),
            "it goes on with what is missing"
        );
        once(&owner, &id, 250).await;
        let jobs = owner.get("/jobs").await.expect(200);
        let job = &jobs["jobs"][0];
        assert_eq!(
            (&jobs["total"], &job["status"], &job["attempt"]),
            (&json!(1), &json!("succeeded"), &json!(2))
        );
        second.end(Signal::TERM).await;
    });
}

/// Killed at another page each time, with answers on their way back: the rows are those of an
/// undisturbed run.
#[test]
fn however_often_workers_are_killed_the_rows_are_the_same() {
    run_as(setup(), |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1_250);
        let walk = Match::face(Face::GitHub).path("/user/repos");
        let gate = w.forge.gate(walk.clone(), Hold::AfterWork);
        let id = owner.connect("github", &token).await;
        let mut arrived = 0;
        for kill in 0..KILLS {
            let worker = Program::start(&w, &["worker"]);
            gate.arrived(arrived + 1).await;
            // Some answers are on their way back, some are stored, when it dies.
            let go = 1 + (kill * 7 + 3) % 3;
            gate.release(go);
            arrived = w.forge.count(&walk).max(arrived + 1);
            worker.kill().await;
        }
        gate.open();
        let last = Program::start(&w, &["worker"]);
        owner.synced(&id).await;
        once(&owner, &id, 1_250).await;
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        let run = &runs["syncs"][0];
        assert_eq!(
            (&runs["total"], &run["complete"]),
            (&json!(1), &json!(true)),
            "{run}"
        );
        assert_eq!(
            (&run["found"], &run["added"]),
            (&json!(1_250), &json!(1_250)),
            "{run}"
        );
        let job = owner.sync(&id).await;
        let result = &job["result"];
        for nothing in ["added", "updated", "removed"] {
            assert_eq!(result[nothing], 0, "{job}");
        }
        last.end(Signal::TERM).await;
    });
}

#[test]
fn a_worker_that_is_told_to_end_hands_back_what_it_cannot_finish() {
    run_as(setup(), |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 450);
        let gate = w.forge.gate(page(3), Hold::BeforeWork);
        let first = Program::start(&w, &["worker"]);
        let id = owner.connect("github", &token).await;
        gate.arrived(1).await;
        first.signal(Signal::TERM);
        gate.release(1);
        first.ended(0).await;
        // The next one does what is left, if anything is.
        gate.open();
        let second = Program::start(&w, &["worker"]);
        owner.synced(&id).await;
        for number in 1..=5 {
            assert_eq!(w.forge.count(&page(number)), 1, "page {number}");
        }
        once(&owner, &id, 450).await;
        // Where nothing was left it may not have come as far as to listen to signals yet.
        let sync = format!("/git-connections/{id}/sync");
        let asked = owner.post(&sync, json!({})).await;
        owner.job_ended(asked.header("location").unwrap()).await;
        second.end(Signal::INT).await;
    });
}

#[test]
fn workers_side_by_side_share_the_work() {
    run_as(setup(), |w| async move {
        let owner = w.owner();
        let workers = [
            Program::start(&w, &["worker"]),
            Program::start(&w, &["worker"]),
        ];
        let mut ids = Vec::new();
        for number in 0..6 {
            let token = w.github_account(&format!("octo-{number}"), 120);
            ids.push(owner.connect("github", &token).await);
        }
        for id in &ids {
            owner.synced(id).await;
            once(&owner, id, 120).await;
        }
        assert_eq!(w.forge.count(&page(1)), 6);
        assert_eq!(owner.get("/activity/verify").await.expect(200)["ok"], true);
        for worker in workers {
            worker.end(Signal::TERM).await;
        }
    });
}

#[test]
fn the_api_answers_what_is_under_way_before_it_ends() {
    run_as(setup(), |w| async move {
        let mut program = Program::start(&w, &["api"]);
        let api = program.api().await;
        let token = w.github_account("octo", 1);
        let owner = Caller {
            token: signed_by_the_program(&w).await,
            ..w.member(Role::Owner).at(&api)
        };
        owner.get("/git-connections").await.expect(200);
        let strange = owner.get("/api/v1/platform/jobs").await;
        strange.problem(403, "permission_denied");
        let gate = w
            .forge
            .gate(Match::face(Face::GitHub).path("/user"), Hold::BeforeWork);
        let caller = owner.clone();
        let call = tokio::spawn(async move {
            caller
                .post("/git-connections", Caller::body("github", &token))
                .await
        });
        gate.arrived(1).await;
        program.signal(Signal::TERM);
        program.refuses(&api).await;
        gate.open();
        call.await.unwrap().expect(201);
        program.ended(0).await;
        assert_eq!(
            w.owner().get("/git-connections").await.expect(200)["total"],
            1
        );
    });
}

#[test]
fn streams_do_not_hold_up_the_end_and_go_on_elsewhere() {
    run_as(setup(), |w| async move {
        let mut programs = [Program::start(&w, &["api"]), Program::start(&w, &["api"])];
        let token = signed_by_the_program(&w).await;
        let mut callers = Vec::new();
        for program in &mut programs {
            callers.push(Caller {
                token: token.clone(),
                ..w.owner().at(&program.api().await)
            });
        }
        let mut events = callers[0].follow(None).await;
        let [first, second] = programs;
        first.signal(Signal::TERM);
        events.ended().await;
        first.ended(0).await;
        let worker = Program::start(&w, &["worker"]);
        let account = w.github_account("octo", 3);
        let id = callers[1].connect("github", &account).await;
        callers[1].synced(&id).await;
        let mut events = callers[1].follow(events.last_id.as_deref()).await;
        let told = events
            .until("what was missed", |event| {
                event.data["status"] == "succeeded"
            })
            .await;
        assert_eq!(told.data["connection_id"], json!(id));
        worker.end(Signal::TERM).await;
        second.end(Signal::TERM).await;
    });
}

/// `mooring token create`.
async fn signed_by_the_program(w: &World) -> String {
    let role = format!("{}=owner", w.organization);
    let user = "0192f0c1-0000-7000-8000-000000000001";
    let made = Program::output(w, &["token", "create", "--user", user, "--role", &role]).await;
    made.trim().to_owned()
}

/// One run, every repository added by it, once.
async fn once(owner: &Caller, id: &str, count: i64) {
    let runs = owner
        .get(&format!("/git-connections/{id}/syncs"))
        .await
        .expect(200);
    assert_eq!(runs["total"], 1, "{runs}");
    let run = &runs["syncs"][0];
    assert_eq!(
        (&run["found"], &run["added"], &run["updated"]),
        (&json!(count), &json!(count), &json!(0)),
        "{run}"
    );
    assert_eq!(owner.connection(id).await["repository_count"], count);
}

/// Nothing that a process is asked for takes longer.
const PATIENCE: Duration = Duration::from_secs(40);
