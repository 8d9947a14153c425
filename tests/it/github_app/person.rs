//! Where the App has user authorization, the person says who they are.

use mooring_forge::{Face, InstallationSpec, Match, Role as OrgRole};
use serde_json::json;
use shared::domain::organization::Role;
use url::Url;

use super::{app, begin, come_back_with, configure_with_users, connections, landed, refused};
use crate::world::{Answer, World, new_organization, run_test};

/// The browser is sent on to the consent page, says yes as `login`, and comes back with a code.
async fn consent(w: &World, answer: Answer, login: &str) -> Answer {
    assert_eq!(answer.status, 303, "{answer}");
    let page = answer.header("location").unwrap().to_owned();
    let url = Url::parse(&page).unwrap();
    assert_eq!(url.path(), "/login/oauth/authorize", "{url}");
    assert!(url.query_pairs().any(|(name, _)| name == "code_challenge"));
    w.forge.consents_as(Face::GitHub, login);
    let consented = crate::world::http_client().get(page).send().await.unwrap();
    let back = Url::parse(consented.headers()["location"].to_str().unwrap()).unwrap();
    w.api
        .get(&format!("{}?{}", back.path(), back.query().unwrap()))
        .await
}

#[test]
fn an_owner_binds_what_was_installed_long_ago() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 3);
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        w.clock.advance(chrono::TimeDelta::days(30));
        configure_with_users(&w, &owner, &app, "ada").await;
        let state = begin(&w, &owner).await;
        let first = come_back_with(&w, &state, id).await;
        let arrived = landed(&consent(&w, first, "ada").await);
        assert_eq!(
            (&arrived["status"], &arrived["repository_count"]),
            (&json!("success"), &json!("3"))
        );
        owner
            .synced(arrived["git_connection"].as_str().unwrap())
            .await;
        // The token that said so is given back.
        let given_back = Match::any().path(format!("/applications/{}/token", app.client_id));
        assert_eq!(w.forge.count(&given_back), 1);
        // Each organization proves it anew, and may: it is the same person's.
        let other = new_organization(&w.context, "Other").await;
        let second = w.member_of(other, Role::Owner);
        let admin = w.admin();
        super::configure_platform(&admin, &app).await;
        let state = begin(&w, &second).await;
        let answer = come_back_with(&w, &state, id).await;
        assert_eq!(
            landed(&consent(&w, answer, "ada").await)["status"],
            "success"
        );
        second
            .synced(connections(&second).await[0]["id"].as_str().unwrap())
            .await;
    });
}

#[test]
fn an_app_that_asks_who_it_is_during_installation_comes_to_the_callback() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure_with_users(&w, &owner, &app, "ada").await;
        let state = begin(&w, &owner).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        // The code is of a consent without a challenge of ours: it is not looked at.
        let path = format!(
            "/api/v1/auth/github/callback?code=abc&installation_id={id}&setup_action=install&state={state}"
        );
        let first = w.api.get(&path).await;
        let arrived = landed(&consent(&w, first, "ada").await);
        assert_eq!(arrived["status"], "success", "{arrived}");
        w.idle().await;
    });
}

#[test]
fn a_stranger_a_member_and_a_part_owner_are_refused() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 3);
        for login in ["eve", "mia", "bob"] {
            w.forge.add_user(login);
        }
        w.forge.edit(|state| {
            state.add_member("acme", "mia", OrgRole::Member);
            let first = state
                .owner_named("acme")
                .unwrap()
                .repositories
                .first()
                .copied()
                .unwrap();
            state.add_collaborator(first, "bob", mooring_forge::Access::Admin);
        });
        configure_with_users(&w, &owner, &app, "ada").await;
        for login in ["eve", "mia", "bob"] {
            let state = begin(&w, &owner).await;
            // However new it is.
            let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
            let first = come_back_with(&w, &state, id).await;
            let answer = consent(&w, first, login).await;
            assert_eq!(refused(&answer), "account_mismatch", "{login}");
        }
        assert_eq!(connections(&owner).await.len(), 0);
        // One's own account is one's own.
        let own = w.forge.install(InstallationSpec::all(app.id, "eve"));
        let state = begin(&w, &owner).await;
        let first = come_back_with(&w, &state, own).await;
        let arrived = landed(&consent(&w, first, "eve").await);
        assert_eq!(
            (&arrived["account"], &arrived["repository_count"]),
            (&json!("eve"), &json!("0"))
        );
        w.idle().await;
    });
}

#[test]
fn a_person_who_says_no_or_a_code_of_another_flow_binds_nothing() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure_with_users(&w, &owner, &app, "ada").await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let state = begin(&w, &owner).await;
        let first = come_back_with(&w, &state, id).await;
        let page = Url::parse(first.header("location").unwrap()).unwrap();
        let next = page
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let path = format!("/api/v1/auth/github/callback?state={next}");
        let denied = w.api.get(&format!("{path}&error=access_denied")).await;
        assert_eq!(refused(&denied), "access_denied");
        assert_eq!(
            refused(&w.api.get(&format!("{path}&code=abc")).await),
            "state_used"
        );
        // The second state takes no other number than the one that was looked at.
        let state = begin(&w, &owner).await;
        let first = come_back_with(&w, &state, id).await;
        let page = Url::parse(first.header("location").unwrap()).unwrap();
        let next = page
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let path = format!("/api/v1/auth/github/callback?state={next}&code=abc&installation_id=7");
        assert_eq!(refused(&w.api.get(&path).await), "exchange_failed");
        assert_eq!(connections(&owner).await.len(), 0);
    });
}

#[test]
fn a_client_of_another_app_proves_nothing_and_is_not_asked() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        let body = json!({ "provider": "github", "github_app_id": app.id, "github_app_slug": app.slug,
            "github_app_private_key": app.private_key, "client_id": "Iv1.another",
            "client_secret": "of-another-app" });
        owner.post("/git-provider-configs", body).await.expect(201);
        let state = begin(&w, &owner).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        assert_eq!(
            landed(&come_back_with(&w, &state, id).await)["status"],
            "success"
        );
        w.idle().await;
    });
}
