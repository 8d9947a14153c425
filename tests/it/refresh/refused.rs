//! What a failure means, and for whom.

use mooring_forge::{Action, Canned, Fault};
use serde_json::json;

use super::{attempts, becomes, gitlab, into_the_buffer, presentations, refresh, renewals, works};
use crate::oauth::{connect, ready};
use crate::world::run_test;

#[test]
fn a_host_that_failed_without_spending_is_asked_once_more_and_all_is_well() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let failure = Canned::text(502, "Bad gateway");
        w.forge
            .fault(Fault::on(renewals(), Action::Answer(failure)).times(1));
        into_the_buffer(&w);
        becomes(&owner, &id, "uncertainty", |c| {
            c["health"]["code"] == "uncertain"
        })
        .await;
        let meanwhile = owner.connection(&id).await;
        assert_eq!(meanwhile["status"], "active");
        works(&owner, &id).await;
        w.clock.advance(chrono::TimeDelta::seconds(31));
        becomes(&owner, &id, "a renewal", |c| c["health"]["code"] == "ok").await;
        let told = |n, outcome: &str| (n, outcome.to_owned());
        assert_eq!(
            attempts(&w, &id).await,
            [told(1, "unknown"), told(2, "refreshed")]
        );
        works(&owner, &id).await;
    });
}

#[test]
fn twice_without_an_answer_the_date_decides() {
    run_test(|w| async move {
        let (owner, id) = gitlab(&w).await;
        let failure = Canned::text(502, "Bad gateway");
        w.forge
            .fault(Fault::on(renewals(), Action::Answer(failure)));
        into_the_buffer(&w);
        w.forge.wait_answered(&renewals(), 1).await;
        w.idle().await;
        w.clock.advance(chrono::TimeDelta::seconds(31));
        w.forge.wait_answered(&renewals(), 2).await;
        w.idle().await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("uncertain"))
        );
        w.clock.advance(chrono::TimeDelta::minutes(6));
        let found = becomes(&owner, &id, "its end", |c| c["status"] == "expired").await;
        assert_eq!(found["health"]["code"], "reauth_required");
        assert_eq!(presentations(&w).len(), 2);
        // Connecting again heals it in place.
        w.forge.clear_faults();
        assert_eq!(connect(&owner, "gitlab", json!({})).await, id);
        assert_eq!(owner.connection(&id).await["status"], "active");
    });
}

#[test]
fn a_wrong_client_secret_is_the_operators_fault() {
    run_test(|w| async move {
        let (owner, apps) = ready(&w).await;
        let id = connect(&owner, "gitlab", json!({})).await;
        owner.synced(&id).await;
        let body = json!({ "provider": "gitlab", "client_id": apps[1].client_id, "client_secret": "wrong" });
        owner.post("/git-provider-configs", body).await;
        let answer = refresh(&owner, &id).await;
        assert_eq!(answer["success"], false, "{answer}");
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("active"), &json!("operator_configuration"))
        );
        works(&owner, &id).await;
        // Put right, the same grant is renewed: nothing was spent.
        let body = json!({ "provider": "gitlab", "client_id": apps[1].client_id, "client_secret": apps[1].client_secret });
        owner.post("/git-provider-configs", body).await;
        let answer = refresh(&owner, &id).await;
        assert_eq!(answer["success"], true, "{answer}");
        assert_eq!(owner.connection(&id).await["health"]["code"], "ok");
        let outcomes: Vec<_> = attempts(&w, &id).await;
        assert_eq!(outcomes.last().unwrap(), &(1, "refreshed".to_owned()));
    });
}

#[test]
fn a_revoked_grant_is_told_with_its_next_step() {
    run_test(|w| async move {
        let (owner, apps) = ready(&w).await;
        let id = connect(&owner, "gitlab", json!({})).await;
        owner.synced(&id).await;
        w.forge.revoke_grants(apps[1].id, "ada");
        let answer = refresh(&owner, &id).await;
        assert_eq!(answer["success"], false, "{answer}");
        let found = owner.connection(&id).await;
        assert_eq!(found["health"]["code"], "reauth_required");
        assert!(!found["health"]["action"].as_str().unwrap().is_empty());
        // It is not asked again.
        into_the_buffer(&w);
        refresh(&owner, &id).await;
        assert_eq!(presentations(&w).len(), 1);
    });
}

#[test]
fn what_cannot_be_renewed_says_why() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let id = owner.connect_and_sync("github", &token).await;
        let answer = refresh(&owner, &id).await;
        assert_eq!(answer["success"], false);
        assert!(
            answer["message"].as_str().unwrap().contains("paste"),
            "{answer}"
        );
        let nobody = "/api/v1/git-oauth/refresh/01900000-0000-7000-8000-000000000000";
        owner
            .post(nobody, json!({}))
            .await
            .problem(404, "not_found");
    });
}
