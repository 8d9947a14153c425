//! Numbers of installations that are not the browser's, where nothing but time can tell.

use mooring_forge::InstallationSpec;
use serde_json::json;
use shared::domain::organization::Role;

use super::{app, begin, come_back, come_back_with, configure, connections, landed, refused};
use crate::world::{new_organization, run_test, run_without_worker};

#[test]
fn a_state_that_is_not_ours_is_not_believed() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        w.forge.clear_log();
        let state = begin(&w, &owner).await;
        let mut changed = state.clone();
        changed.replace_range(30..31, if &state[30..31] == "A" { "B" } else { "A" });
        for state in ["", "nonsense", &*changed] {
            let answer = come_back_with(&w, state, id).await;
            assert_eq!(answer.status, 400, "{answer}");
            assert!(answer.header("location").is_none());
        }
        let number = id.to_string();
        let answer = come_back(&w, &[("installation_id", &number)]).await;
        assert_eq!(answer.status, 400, "{answer}");
        assert_eq!(w.forge.count(&mooring_forge::Match::any()), 0);
        assert_eq!(connections(&owner).await.len(), 0);
    });
}

#[test]
fn an_old_number_a_foreign_one_and_one_that_is_not_there_are_refused_alike() {
    run_test(|w| async move {
        // The platform's App, which several organizations use.
        let admin = w.admin();
        let app = app(&w, 2);
        configure(&admin, &app).await;
        let owner = w.owner();
        let other = new_organization(&w.context, "Other").await;
        let thief = w.member_of(other, Role::Owner);

        let unbound = w.forge.install(InstallationSpec::all(app.id, "ada"));
        w.clock.advance(chrono::TimeDelta::minutes(1));
        let state = begin(&w, &owner).await;
        let earlier = begin(&w, &thief).await;
        let bound = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let arrived = landed(&come_back_with(&w, &state, bound).await);
        owner
            .synced(arrived["git_connection"].as_str().unwrap())
            .await;

        let mut messages = std::collections::BTreeSet::new();
        // Made since the thief's flow began, and bound by its owner.
        let answers = [
            come_back_with(&w, &earlier, bound).await,
            // Before, and bound by nobody.
            come_back_with(&w, &begin(&w, &thief).await, unbound).await,
            // None at all.
            come_back_with(&w, &begin(&w, &thief).await, 7).await,
        ];
        for answer in answers {
            assert_eq!(refused(&answer), "account_mismatch");
            messages.insert(landed(&answer)["message"].to_string());
        }
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!(connections(&thief).await.len(), 0);
        // A refusal uses the state up: no second guess with it.
        let once = begin(&w, &thief).await;
        assert_eq!(
            refused(&come_back_with(&w, &once, 8).await),
            "account_mismatch"
        );
        let fresh = w.forge.install(InstallationSpec::all(app.id, "ada"));
        assert_eq!(
            refused(&come_back_with(&w, &once, fresh).await),
            "state_used"
        );
        // The owner's own organization may take it again once somebody has saved it.
        w.clock.advance(chrono::TimeDelta::hours(1));
        let again = begin(&w, &owner).await;
        w.forge.edit(|state| state.touch_installation(bound));
        assert_eq!(
            landed(&come_back_with(&w, &again, bound).await)["status"],
            "success"
        );
    });
}

#[test]
fn a_pasted_key_does_not_open_the_configured_app_for_others() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let arrived = landed(&come_back_with(&w, &state, id).await);
        owner
            .synced(arrived["git_connection"].as_str().unwrap())
            .await;
        // The numbers are public; a key of one's own making is worth nothing, and is given no token
        // that the App's own has bought.
        let other = new_organization(&w.context, "Other").await;
        let thief = w.member_of(other, Role::Owner);
        let made_up = w
            .forge
            .add_app("ada", mooring_forge::AppSpec::new("made-up"));
        let body = json!({ "name": "x", "provider": "github", "auth_method": "github_app",
            "github_app_id": app.id, "github_app_installation_id": id,
            "github_app_private_key": made_up.private_key });
        thief
            .post("/git-connections", body)
            .await
            .problem(422, "invalid_token");
        assert_eq!(connections(&thief).await.len(), 0);
    });
}

#[test]
fn a_flow_ends_after_ten_minutes() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        w.clock.advance(chrono::TimeDelta::minutes(11));
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        assert_eq!(
            refused(&come_back_with(&w, &state, id).await),
            "state_expired"
        );
    });
}
