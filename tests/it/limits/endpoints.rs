//! A token endpoint that wants a pause is left alone by everybody.

use chrono::TimeDelta;
use mooring_forge::{Action, Canned, Face, Fault, Match};
use serde_json::json;

use super::moved_until;
use crate::oauth::{connect, ready};
use crate::world::{Caller, World, run_test, until};

fn renewals() -> Match {
    Match::face(Face::GitLab).grant_type("refresh_token")
}

/// Connections of twenty people by their consents.
async fn twenty(w: &World, owner: &Caller) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..20 {
        let login = format!("person-{number}");
        w.forge.add_user(&login);
        w.forge.consents_as(Face::GitLab, &login);
        ids.push(connect(owner, "gitlab", json!({})).await);
    }
    w.everybody_idle().await;
    ids
}

/// Moves the clock by steps until so many renewals went well.
async fn all_renewed(w: &World, step: TimeDelta, count: usize) {
    moved_until(w, step, || async {
        let done = w.forge.requests(&renewals());
        let went_well = done.iter().filter(|one| one.status == Some(200));
        went_well.count() == count
    })
    .await;
}

/// Twenty renewals are due; the endpoint refuses until a minute has passed.
#[test]
fn one_refusal_stops_all_others_and_nothing_is_lost() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let ids = twenty(&w, &owner).await;
        let later = Canned::text(429, "Retry later").header("retry-after", "60");
        let fault = w.forge.fault(Fault::on(renewals(), Action::Answer(later)));
        w.clock.advance(TimeDelta::minutes(115));
        until("the refusal", || async {
            (w.forge.hits(fault) >= 1).then_some(())
        })
        .await;
        w.everybody_idle().await;
        // Those that were under way at that moment, and no more.
        let refused = w.forge.hits(fault);
        assert!(refused <= 16, "{refused} asked all the same");
        for id in &ids {
            let found = owner.connection(id).await;
            assert_eq!(
                (&found["status"], &found["health"]["code"]),
                (&json!("active"), &json!("ok"))
            );
        }
        w.forge.remove_fault(fault);
        all_renewed(&w, TimeDelta::seconds(10), ids.len()).await;
        for id in &ids {
            assert!(owner.connection(id).await["last_refreshed_at"].is_string());
        }
    });
}

/// The operator's secret is wrong: one connection finds out, and the host is not asked by the others.
#[test]
fn a_refused_client_is_presented_once_for_all() {
    run_test(|w| async move {
        let (owner, apps) = ready(&w).await;
        let ids = twenty(&w, &owner).await;
        let wrong = json!({ "provider": "gitlab", "client_id": apps[1].client_id, "client_secret": "wrong" });
        owner.post("/git-provider-configs", wrong).await;
        w.clock.advance(TimeDelta::minutes(115));
        until("everybody to know", || async {
            for id in &ids {
                if owner.connection(id).await["health"]["code"] != "operator_configuration" {
                    return None;
                }
            }
            Some(())
        })
        .await;
        let presented = w.forge.count(&renewals());
        assert!(presented <= 16, "{presented} presented the refused secret");
        let right = json!({ "provider": "gitlab", "client_id": apps[1].client_id, "client_secret": apps[1].client_secret });
        owner.post("/git-provider-configs", right).await;
        all_renewed(&w, TimeDelta::seconds(60), ids.len()).await;
    });
}
