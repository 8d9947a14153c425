//! Suspended, uninstalled, short of permissions: told apart, and healed.

use mooring_forge::InstallationSpec;
use serde_json::json;

use super::{connections, installed};
use crate::world::{run_test, until};

#[test]
fn a_suspension_ends_a_sync_and_its_lifting_heals() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 3);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        w.forge.edit(|state| state.suspend(one.id, true));
        let job = owner.sync(&id).await;
        assert_eq!(job["error"]["code"], "connection_unhealthy");
        let found = owner.connection(&id).await;
        assert_eq!(
            (
                &found["status"],
                &found["health"]["code"],
                &found["repository_count"]
            ),
            (&json!("error"), &json!("suspended"), &json!(3))
        );
        let path = format!("/git-connections/{id}");
        let live = owner.get(&format!("{path}/repositories?source=live")).await;
        live.problem(422, "suspended");
        let told = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        let page = told["health"]["action_url"].as_str().unwrap();
        assert!(page.ends_with(&format!(
            "/organizations/acme/settings/installations/{}",
            one.id
        )));

        w.forge.edit(|state| state.suspend(one.id, false));
        w.forge.add_repositories("acme", 1);
        let told = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&told["valid"], &told["health"]["code"]),
            (&json!(true), &json!("ok"))
        );
        until("the sync that follows", || async {
            let found = owner.connection(&id).await;
            (found["repository_count"] == 4).then_some(())
        })
        .await;
    });
}

#[test]
fn uninstalled_is_disconnected_and_a_new_installation_heals_it() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut one = installed(&w, 3);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        w.forge.edit(|state| state.uninstall(one.id));
        let path = format!("/git-connections/{id}");
        let told = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&told["valid"], &told["health"]["code"]),
            (&json!(false), &json!("uninstalled"))
        );
        let page = told["health"]["action_url"].as_str().unwrap();
        assert!(page.ends_with("/apps/mooring/installations/new"), "{page}");
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["repository_count"]),
            (&json!("disconnected"), &json!(3))
        );
        // It is not synced, and its key alone does not bring the installation back.
        let sync = owner.post(&format!("{path}/sync"), json!({})).await;
        sync.problem(409, "connection_disconnected");
        let body = json!({ "github_app_private_key": one.app.private_key });
        owner
            .patch(&path, body)
            .await
            .problem(422, "unknown_installation");

        one.id = w.forge.install(InstallationSpec::all(one.app.id, "acme"));
        let healed = owner.post("/git-connections", one.body()).await.expect(201);
        assert_eq!(
            (
                &healed["id"],
                &healed["status"],
                &healed["github_app_installation_id"]
            ),
            (&json!(id), &json!("active"), &json!(one.id))
        );
        assert_eq!(connections(&owner).await.len(), 1);
    });
}

#[test]
fn a_sync_finds_out_that_the_app_is_gone() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 1);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        w.forge.edit(|state| state.uninstall(one.id));
        w.clock.advance(chrono::TimeDelta::minutes(10));
        owner.sync(&id).await;
        let found = owner.connection(&id).await;
        assert_eq!(
            (&found["status"], &found["health"]["code"]),
            (&json!("disconnected"), &json!("uninstalled"))
        );
    });
}

#[test]
fn a_missing_permission_is_named() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 1);
        let reduce = |state: &mut mooring_forge::State| {
            state
                .installation_mut(one.id)
                .permissions
                .remove("contents");
        };
        w.forge.edit(reduce);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("active"), &json!("scope_missing"))
        );
        assert_eq!(made["missing_scopes"], json!(["contents:read"]));
        assert!(
            made["health"]["message"]
                .as_str()
                .unwrap()
                .contains("contents:read")
        );
        assert!(
            made["health"]["action"]
                .as_str()
                .unwrap()
                .contains("settings at GitHub")
        );
        let path = format!("/git-connections/{}", made["id"].as_str().unwrap());
        owner.synced(made["id"].as_str().unwrap()).await;
        let branches = owner
            .get(&format!("{path}/branches?repo=acme/repo-00001"))
            .await;
        branches.problem(422, "provider_forbidden");
        w.forge.edit(|state| {
            let levels = &mut state.installation_mut(one.id).permissions;
            levels.insert("contents".to_owned(), "read".to_owned());
        });
        let told = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(told["health"]["code"], "ok");
    });
}
