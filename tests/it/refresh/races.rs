//! One at a time, whoever wants it, however slow, whatever dies.

use std::time::Duration;

use mooring_forge::{Action, Canned, Fault, Hold};
use serde_json::json;
use shared::authz::Permission;
use shared::domain::meter::CallClass;
use shared::domain::secret::ExposeSecret;
use shared::flows::connections;
use shared::session;

use super::{
    SLOW, attempts, becomes, gitlab, into_the_buffer, presentations, refresh, renewals, works,
};
use crate::oauth::connect;
use crate::world::{Setup, run_as, run_test};

#[test]
fn the_sweep_renews_what_is_due_and_nothing_else() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let before = owner.connection(&id).await;
        w.clock.advance(chrono::TimeDelta::minutes(60));
        works(&owner, &id).await;
        assert!(presentations(&w).is_empty());
        w.clock.advance(chrono::TimeDelta::minutes(55));
        let after = becomes(&owner, &id, "a renewal", |c| {
            !c["last_refreshed_at"].is_null()
        })
        .await;
        assert!(after["token_expires_at"].as_str() > before["token_expires_at"].as_str());
        assert_eq!(presentations(&w).len(), 1);
        assert_eq!(attempts(&w, &id).await, [(1, "refreshed".to_owned())]);
        works(&owner, &id).await;
        let told = owner
            .get("/activity?event=git_connection_refreshed")
            .await
            .expect(200);
        assert_eq!(told["entries"][0]["actor"]["type"], "system");
        assert_eq!(told["entries"][0]["subject"]["id"], id);
    });
}

#[test]
fn many_who_want_it_at_once_present_it_once() {
    let setup = Setup {
        workers: 4,
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let (owner, id) = gitlab(&w).await;
        // Slower than a lease: the holder keeps it.
        w.forge.fault(Fault::delay(renewals(), SLOW).times(1));
        into_the_buffer(&w);
        let wishes = (0..16).map(|_| refresh(&owner, &id));
        for answer in futures_util::future::join_all(wishes).await {
            assert_eq!(answer["success"], true, "{answer}");
        }
        assert_eq!(presentations(&w).len(), 1);
        assert_eq!(attempts(&w, &id).await, [(1, "refreshed".to_owned())]);
        works(&owner, &id).await;
    });
}

#[test]
fn whoever_wanted_it_may_go_away() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let gate = w.forge.gate(renewals(), Hold::AfterWork);
        let (caller, of) = (owner.clone(), id.clone());
        let asked = tokio::spawn(async move { refresh(&caller, &of).await });
        gate.arrived(1).await;
        asked.abort();
        let _ = asked.await;
        gate.open();
        becomes(&owner, &id, "a renewal", |c| {
            !c["last_refreshed_at"].is_null()
        })
        .await;
        assert_eq!(presentations(&w).len(), 1);
        works(&owner, &id).await;
    });
}

#[test]
fn a_reconnect_during_a_slow_renewal_stays() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let gate = w.forge.gate(renewals(), Hold::AfterWork);
        let (caller, of) = (owner.clone(), id.clone());
        let asked = tokio::spawn(async move { refresh(&caller, &of).await });
        gate.arrived(1).await;
        assert_eq!(connect(&owner, "gitlab", json!({})).await, id);
        gate.open();
        asked.await.unwrap();
        w.idle().await;
        let outcomes = attempts(&w, &id).await;
        assert_eq!(outcomes, [(1, "discarded".to_owned())]);
        // The pair that nobody stored was given back.
        let issued = presentations(&w)[0].issued.unwrap();
        let alive = w
            .forge
            .read(|state| state.token(issued).unwrap().is_active(w.clock.now()));
        assert!(!alive);
        works(&owner, &id).await;
        assert_eq!(owner.connection(&id).await["status"], "active");
    });
}

#[test]
fn a_token_that_ended_is_renewed_by_whoever_needs_it() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        // Three hours in which no worker looked: the next question finds it.
        w.clock.advance(chrono::TimeDelta::hours(3));
        works(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 1);
    });
}

#[test]
fn a_token_that_was_taken_back_early_is_renewed_once_and_then_a_refusal() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let permit = w.permit(Permission::ConnectionsUse);
        let connection = connections::find(&w.context, &permit, id.parse().unwrap()).await;
        let session = session::open(&w.context, connection.unwrap(), CallClass::Interactive)
            .await
            .unwrap();
        assert!(w.forge.revoke(session.access.token.expose_secret()));
        works(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 1);
        assert_eq!(owner.connection(&id).await["status"], "active");
    });
}

#[test]
fn a_definite_later_leaves_it_unspent_and_unseen() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let later = Canned::text(429, "Retry later").header("retry-after", "60");
        let fault = w.forge.fault(Fault::on(renewals(), Action::Answer(later)));
        into_the_buffer(&w);
        w.forge.wait_answered(&renewals(), 1).await;
        w.idle().await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        w.forge.remove_fault(fault);
        w.clock.advance(chrono::TimeDelta::seconds(61));
        becomes(&owner, &id, "a renewal", |c| {
            !c["last_refreshed_at"].is_null()
        })
        .await;
        let outcomes = attempts(&w, &id).await;
        assert_eq!(outcomes.first().unwrap(), &(1, "later".to_owned()));
        // What was told "later" was not spent: the next presentation is the first again.
        assert_eq!(outcomes.last().unwrap(), &(1, "refreshed".to_owned()));
    });
}

#[test]
fn a_silent_host_is_not_asked_again_while_it_may_be_at_work() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        w.forge
            .fault(Fault::on(renewals(), Action::LoseAnswer).times(1));
        let began = tokio::time::Instant::now();
        let answer = refresh(&owner, &id).await;
        assert_eq!(answer["success"], false, "{answer}");
        assert_eq!(owner.connection(&id).await["health"]["code"], "uncertain");
        // Once more, after the quarantine: refused, since the first one was spent.
        let again = refresh(&owner, &id).await;
        assert_eq!(again["success"], false, "{again}");
        assert!(began.elapsed() >= Duration::from_secs(1));
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("expired"), &json!("reauth_required"))
        );
        assert!(
            found["validation_error"].as_str().unwrap().contains("lost"),
            "{found}"
        );
        let outcomes = attempts(&w, &id).await;
        let told = |n, outcome: &str| (n, outcome.to_owned());
        assert_eq!(outcomes, [told(1, "unknown"), told(2, "refused")]);
        // A third time is never asked.
        refresh(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 2);
    });
}
