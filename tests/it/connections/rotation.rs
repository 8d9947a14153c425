//! GitLab tokens that rotate themselves: in time, and never twice with one token.

use chrono::TimeDelta;
use http::Method;
use mooring_forge::{Action, Canned, Face, Fault, Hold, Match, TokenSpec};
use serde_json::{Value, json};
use shared::authz::Permission;
use shared::domain::ids::{ActivityId, ConnectionId};
use shared::flows::connections;
use shared::queue::catalogue::SweepRotations;
use sqlx::AssertSqlSafe;

use crate::upkeep::{by_hand, sweep};
use crate::world::{Caller, Setup, World, run_as, run_test, until};

fn rotation() -> Match {
    Match::face(Face::GitLab)
        .method(Method::POST)
        .path("/personal_access_tokens/self/rotate")
}

/// A connection whose token lives sixty days and rotates itself; and the token.
async fn connected(w: &World) -> (String, String) {
    w.forge.add_user("tanuki");
    w.forge.add_repositories("tanuki", 2);
    let end = w.clock.now() + TimeDelta::days(60);
    let token = w.forge.mint(TokenSpec::gitlab("tanuki").expires_at(end));
    let mut body = Caller::body("gitlab", &token);
    body["auto_rotate"] = json!(true);
    let owner = w.owner();
    let made = owner.post("/git-connections", body).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    owner.synced(&id).await;
    (id, token)
}

/// Its time has come: a third of its life is left.
async fn due(w: &World) {
    w.clock.advance(TimeDelta::days(41));
    sweep(w, &SweepRotations {}).await;
}

/// Lets time pass until the connection is so.
async fn passes(w: &World, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    until("the connection's change", || async {
        let found = w.owner().connection(id).await;
        if is(&found) {
            return Some(found);
        }
        w.clock.advance(TimeDelta::seconds(5));
        None
    })
    .await
}

fn rotated(found: &Value) -> bool {
    !found["last_refreshed_at"].is_null()
}

fn dead(found: &Value) -> bool {
    found["health"]["code"] == "reauth_required"
}

async fn told(w: &World, id: &str, words: &str) {
    let path = format!("/git-connections/{id}/timeline?per_page=100");
    let timeline = w.owner().get(&path).await.expect(200);
    assert!(
        timeline.to_string().contains(words),
        "{words}: {timeline:#}"
    );
}

#[test]
fn it_rotates_before_its_end_and_syncs_go_on() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        w.clock.advance(TimeDelta::days(30));
        sweep(&w, &SweepRotations {}).await;
        w.idle().await;
        assert_eq!(w.forge.count(&rotation()), 0, "its time has not come");
        w.clock.advance(TimeDelta::days(11));
        sweep(&w, &SweepRotations {}).await;
        let found = passes(&w, &id, rotated).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        let end: chrono::DateTime<chrono::Utc> =
            found["token_expires_at"].as_str().unwrap().parse().unwrap();
        let days = (end - w.clock.now()).num_days();
        assert!(
            (58..=60).contains(&days),
            "it lives as long as the old one: {days}"
        );
        w.idle().await;
        sweep(&w, &SweepRotations {}).await;
        w.idle().await;
        assert_eq!(w.forge.count(&rotation()), 1, "once");
        // The old one's end passes.
        w.clock.advance(TimeDelta::days(25));
        let job = w.owner().sync(&id).await;
        assert_eq!(job["status"], "succeeded", "{job:#}");
        told(&w, &id, "The token was replaced by its successor.").await;
    });
}

#[test]
fn an_answer_lost_after_the_commit_is_told_and_the_token_never_presented_again() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        w.forge
            .fault(Fault::on(rotation(), Action::LoseAnswer).once());
        due(&w).await;
        // A sync may find the token dead first; the rotation knows why.
        let found = passes(&w, &id, |found| found["status"] == "expired").await;
        let why = found["validation_error"].as_str().unwrap();
        assert!(
            why.contains("the answer with the new one was lost"),
            "{why}"
        );
        w.clock.advance(TimeDelta::hours(2));
        sweep(&w, &SweepRotations {}).await;
        w.idle().await;
        assert_eq!(w.forge.count(&rotation()), 1, "never twice");
        told(&w, &id, "a person must paste a new one.").await;
    });
}

#[test]
fn an_answer_lost_before_the_commit_leads_to_another_attempt() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        let fault = w.forge.fault(Fault::on(rotation(), Action::Reset).once());
        due(&w).await;
        let found = passes(&w, &id, rotated).await;
        assert_eq!(w.forge.hits(fault), 1);
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        told(&w, &id, "the token lives, and it is tried again.").await;
        let job = w.owner().sync(&id).await;
        assert_eq!(job["status"], "succeeded", "{job:#}");
    });
}

#[test]
fn a_successor_of_a_token_that_was_replaced_is_ended_with_itself() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        let gate = w.forge.gate(rotation(), Hold::AfterWork);
        w.clock.advance(TimeDelta::days(41));
        let swept = sweep(&w, &SweepRotations {});
        let pasted = async {
            gate.arrived(1).await;
            let token = w.forge.mint(TokenSpec::gitlab("tanuki"));
            let path = format!("/git-connections/{id}");
            let body = json!({ "api_token": token });
            w.owner().patch(&path, body).await.expect(200);
            gate.open();
        };
        tokio::join!(swept, pasted);
        let ended = Match::face(Face::GitLab)
            .method(Method::DELETE)
            .path("/personal_access_tokens/self");
        let successor = w.forge.requests(&rotation())[0].issued.unwrap();
        until("the successor's end", || async {
            let alive = w
                .forge
                .read(|state| state.token(successor).unwrap().is_active(w.clock.now()));
            (!alive).then_some(())
        })
        .await;
        assert_eq!(w.forge.count(&ended), 1, "by itself");
        // The pasted one is the connection's, and works.
        let job = w.owner().sync(&id).await;
        assert_eq!(job["status"], "succeeded", "{job:#}");
        assert_eq!(w.owner().connection(&id).await["status"], "active");
    });
}

#[test]
fn of_many_at_once_one_asks() {
    let setup = Setup {
        workers: 2,
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let (id, _) = connected(&w).await;
        w.clock.advance(TimeDelta::days(41));
        let permit = w.permit(Permission::ConnectionsUse);
        let connection: ConnectionId = id.parse().unwrap();
        let one = || connections::rotate_due(&w.context, &permit, connection);
        let sweeps = (SweepRotations {}, SweepRotations {});
        let all = tokio::join!(
            one(),
            one(),
            one(),
            sweep(&w, &sweeps.0),
            sweep(&w, &sweeps.1)
        );
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
        passes(&w, &id, rotated).await;
        assert_eq!(w.forge.count(&rotation()), 1);
    });
}

/// What a process leaves that was killed after it had written its attempt down.
async fn killed(w: &World, id: &str, lease: &str) {
    let attempt = ActivityId::new(w.clock.now());
    let mut connection = by_hand(w).await;
    for sql in [
        format!(
            "INSERT INTO token_rotations (organization_id, connection_id, id, version, holder,
                started_at, outcome)
             SELECT organization_id, connection_id, '{attempt}', version, 'gone', now(), 'in_flight'
             FROM credentials WHERE connection_id = '{id}'"
        ),
        format!(
            "UPDATE credentials SET lease_until = clock_timestamp() + interval '{lease}'
             WHERE connection_id = '{id}'"
        ),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

#[test]
fn what_a_killed_process_leaves_is_looked_into_before_anything_else() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        w.clock.advance(TimeDelta::days(41));
        killed(&w, &id, "1 hour").await;
        let permit = w.permit(Permission::ConnectionsUse);
        let connection: ConnectionId = id.parse().unwrap();
        w.forge.clear_log();
        connections::rotate_due(&w.context, &permit, connection)
            .await
            .unwrap();
        assert_eq!(w.forge.count(&Match::any()), 0, "it may be at it yet");
        let mut by_hand = by_hand(&w).await;
        let sql = "UPDATE credentials SET lease_until = clock_timestamp()";
        sqlx::query(sql).execute(&mut by_hand).await.unwrap();
        connections::rotate_due(&w.context, &permit, connection)
            .await
            .unwrap();
        assert_eq!(w.forge.count(&rotation()), 0, "first the question");
        assert_eq!(w.forge.count(&Match::any()), 1);
        told(&w, &id, "the token lives, and it is tried again.").await;
        w.clock.advance(TimeDelta::minutes(11));
        sweep(&w, &SweepRotations {}).await;
        passes(&w, &id, rotated).await;
        assert_eq!(w.forge.count(&rotation()), 1);
    });
}

#[test]
fn where_the_killed_process_had_rotated_the_cause_is_told() {
    run_test(|w| async move {
        let (id, token) = connected(&w).await;
        w.clock.advance(TimeDelta::days(41));
        killed(&w, &id, "0 seconds").await;
        w.forge.revoke(&token);
        sweep(&w, &SweepRotations {}).await;
        let found = passes(&w, &id, dead).await;
        let why = found["validation_error"].as_str().unwrap();
        assert!(
            why.contains("the answer with the new one was lost"),
            "{why}"
        );
        assert_eq!(w.forge.count(&rotation()), 0);
    });
}

#[test]
fn a_token_that_cannot_says_what_to_do_and_is_not_asked_again() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        let refusal = Canned::json(405, json!({ "message": "405 Method Not Allowed" }));
        w.forge
            .fault(Fault::on(rotation(), Action::Answer(refusal)));
        due(&w).await;
        let found = passes(&w, &id, |found| found["health"]["code"] == "expiring").await;
        assert_eq!(found["status"], "active");
        let action = found["health"]["action"].as_str().unwrap();
        assert!(action.contains("Make a new token at GitLab"), "{found:#}");
        // That it works all the same takes nothing of that back.
        let path = format!("/git-connections/{id}/validate");
        let told = w.owner().post(&path, json!({})).await.expect(200);
        assert_eq!(told["valid"], true);
        assert_eq!(told["health"]["action"], action, "{told:#}");
        w.clock.advance(TimeDelta::hours(2));
        sweep(&w, &SweepRotations {}).await;
        w.idle().await;
        assert_eq!(w.forge.count(&rotation()), 1);
    });
}

#[test]
fn a_token_that_is_lent_out_waits() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        w.clock.advance(TimeDelta::days(41));
        let path = format!("/git-connections/{id}/credentials");
        let body = json!({ "purpose": "a long clone", "valid_for": "2h" });
        let lent = w.owner().post(&path, body).await.expect(201);
        sweep(&w, &SweepRotations {}).await;
        w.idle().await;
        assert_eq!(w.forge.count(&rotation()), 0, "it is in use");
        let lease = lent["lease_id"].as_str().unwrap();
        w.owner()
            .delete(&format!("{path}/{lease}"))
            .await
            .expect(204);
        passes(&w, &id, rotated).await;
        assert_eq!(w.forge.count(&rotation()), 1);
    });
}

#[test]
fn a_token_that_may_not_say_how_it_is_is_not_rotated() {
    run_test(|w| async move {
        let (id, _) = connected(&w).await;
        let question = Match::face(Face::GitLab).path("/personal_access_tokens/self");
        let refusal = Canned::json(404, json!({ "message": "404 Not Found" }));
        let fault = w.forge.fault(Fault::on(question, Action::Answer(refusal)));
        due(&w).await;
        passes(&w, &id, |found| found["health"]["code"] == "expiring").await;
        assert_eq!((w.forge.hits(fault), w.forge.count(&rotation())), (1, 0));
    });
}
