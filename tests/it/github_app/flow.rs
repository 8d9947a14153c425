//! The App is installed: a browser goes and comes back.

use mooring_forge::{InstallationSpec, RepositorySpec};
use serde_json::json;
use url::Url;

use super::{
    app, authorize, begin, begin_with, come_back, come_back_with, configure, connections, landed,
    refused, save,
};
use crate::world::{run_test, until};

#[test]
fn installed_connected_and_synced() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 120);
        configure(&owner, &app).await;
        let begun = authorize(&w, &owner, json!({})).await.expect(200);
        let page = Url::parse(begun["authorize_url"].as_str().unwrap()).unwrap();
        assert_eq!(page.path(), "/apps/mooring/installations/new");
        assert!(page.as_str().starts_with(&w.served.github.web_url));
        let state = begun["state"].as_str().unwrap();
        assert_eq!(
            page.query_pairs().next().unwrap(),
            ("state".into(), state.into())
        );

        w.clock.advance(chrono::TimeDelta::minutes(2));
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let arrived = landed(&come_back_with(&w, state, id).await);
        assert_eq!(
            (
                &arrived["status"],
                &arrived["account"],
                &arrived["repository_count"]
            ),
            (&json!("success"), &json!("acme"), &json!("120"))
        );
        assert_eq!(arrived["organization"], w.organization.to_string());
        let connection = arrived["git_connection"].as_str().unwrap();
        owner.synced(connection).await;
        let found = owner.connection(connection).await;
        assert_eq!(
            (
                &found["auth_method"],
                &found["repository_count"],
                &found["github_app_installation_id"]
            ),
            (&json!("github_app"), &json!(120), &json!(id))
        );
        assert_eq!(found["name"], "acme (GitHub)");
        // Once.
        assert_eq!(refused(&come_back_with(&w, state, id).await), "state_used");
        let entries = owner
            .get("/activity?event=git_provider_connected")
            .await
            .expect(200);
        assert_eq!(
            entries["entries"][0]["metadata"]["provider_username"],
            "acme"
        );
    });
}

#[test]
fn what_is_chosen_later_is_added_to_the_same_connection() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 2);
        configure(&owner, &app).await;
        let extra = w
            .forge
            .add_repository("acme", RepositorySpec::named("extra"));
        let first = w.forge.read(|state| {
            state
                .owner_named("acme")
                .unwrap()
                .repositories
                .first()
                .copied()
        });
        let state = begin(&w, &owner).await;
        let spec = InstallationSpec::all(app.id, "acme").selected(first);
        let id = w.forge.install(spec);
        let arrived = landed(&come_back_with(&w, &state, id).await);
        assert_eq!(arrived["repository_count"], "1");
        let connection = arrived["git_connection"].as_str().unwrap().to_owned();
        owner.synced(&connection).await;

        w.clock.advance(chrono::TimeDelta::hours(2));
        let state = begin(&w, &owner).await;
        w.forge.edit(|forge| {
            forge
                .installation_mut(id)
                .repositories
                .as_mut()
                .unwrap()
                .insert(extra);
            forge.touch_installation(id);
        });
        let number = id.to_string();
        let back = [
            ("installation_id", &*number),
            ("setup_action", "update"),
            ("state", &state),
        ];
        let again = landed(&come_back(&w, &back).await);
        assert_eq!(
            (&again["git_connection"], &again["repository_count"]),
            (&json!(connection), &json!("2"))
        );
        until("the sync that follows", || async {
            let found = owner.connection(&connection).await;
            (found["repository_count"] == 2).then_some(())
        })
        .await;
        assert_eq!(connections(&owner).await.len(), 1);
    });
}

#[test]
fn a_request_for_approval_is_no_error_of_anybodys() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        let back = [("setup_action", "request"), ("state", &*state)];
        let answer = come_back(&w, &back).await;
        assert_eq!(refused(&answer), "installation_pending");
        // Once an owner has approved it, it is begun again, and saved.
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        w.clock.advance(chrono::TimeDelta::hours(1));
        let state = begin(&w, &owner).await;
        w.forge.edit(|forge| forge.touch_installation(id));
        assert_eq!(
            landed(&come_back_with(&w, &state, id).await)["status"],
            "success"
        );
        assert_eq!(connections(&owner).await.len(), 1);
    });
}

#[test]
fn installing_again_heals_the_account_s_connection() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 2);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let arrived = landed(&come_back_with(&w, &state, id).await);
        let connection = arrived["git_connection"].as_str().unwrap().to_owned();
        owner.synced(&connection).await;
        w.forge.edit(|forge| forge.uninstall(id));
        let path = format!("/git-connections/{connection}/validate");
        owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            owner.connection(&connection).await["status"],
            "disconnected"
        );
        for named in [None, Some(connection.clone())] {
            let more = named.map_or(json!({}), |id| json!({ "connection_id": id }));
            let state = begin_with(&w, &owner, more).await;
            let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
            let again = landed(&come_back_with(&w, &state, id).await);
            assert_eq!(again["git_connection"], json!(connection), "{again}");
            let found = owner.connection(&connection).await;
            assert_eq!(
                (&found["status"], &found["github_app_installation_id"]),
                (&json!("active"), &json!(id))
            );
        }
        // Another account's installation is no healing.
        let state = begin_with(&w, &owner, json!({ "connection_id": connection })).await;
        let other = w.forge.install(InstallationSpec::all(app.id, "ada"));
        assert_eq!(
            refused(&come_back_with(&w, &state, other).await),
            "account_mismatch"
        );
    });
}

#[test]
fn an_app_that_is_not_configured_any_more_is_told_apart() {
    run_test(|w| async move {
        let owner = w.owner();
        authorize(&w, &owner, json!({}))
            .await
            .problem(409, "oauth_not_configured");
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        let other = w.forge.add_app("ada", mooring_forge::AppSpec::new("other"));
        configure(&owner, &other).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        assert_eq!(
            refused(&come_back_with(&w, &state, id).await),
            "exchange_failed"
        );
        // A key of another App: its owner's to mend, and said at the beginning where it shows.
        let body = json!({ "provider": "github", "github_app_id": app.id, "github_app_slug": null,
            "github_app_private_key": other.private_key });
        save(&owner, body).await;
        authorize(&w, &owner, json!({}))
            .await
            .problem(409, "oauth_not_configured");
    });
}

#[test]
fn a_configured_key_that_is_refused_is_the_configurations_fault() {
    run_test(|w| async move {
        let owner = w.owner();
        let app = app(&w, 1);
        configure(&owner, &app).await;
        let state = begin(&w, &owner).await;
        let id = w.forge.install(InstallationSpec::all(app.id, "acme"));
        let arrived = landed(&come_back_with(&w, &state, id).await);
        let connection = arrived["git_connection"].as_str().unwrap().to_owned();
        owner.synced(&connection).await;
        let fresh = w.forge.add_app_key(app.id);
        w.forge
            .edit(|state| state.app_mut(app.id).public_keys.remove(0));
        let path = format!("/git-connections/{connection}/validate");
        let told = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            (&told["valid"], &told["health"]["code"]),
            (&json!(false), &json!("operator_configuration"))
        );
        assert_eq!(owner.connection(&connection).await["status"], "active");
        let body = json!({ "provider": "github", "github_app_id": app.id, "github_app_private_key": fresh });
        save(&owner, body).await;
        let told = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            (&told["valid"], &told["health"]["code"]),
            (&json!(true), &json!("ok"))
        );
    });
}
