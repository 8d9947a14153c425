//! A pasted key: checked, stored, replaced.

use mooring_forge::{AppSpec, InstallationSpec, Match};
use serde_json::{Value, json};

use super::{connections, installed};
use crate::provider_configs::{ec_pkcs8, rsa_pkcs8};
use crate::world::{new_organization, run_test, run_without_worker};
use shared::domain::organization::Role;

#[test]
fn connected_synced_and_read() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 250);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        assert_eq!(
            (
                &made["status"],
                &made["health"]["code"],
                &made["auth_method"]
            ),
            (&json!("active"), &json!("ok"), &json!("github_app"))
        );
        assert_eq!(made["account"]["login"], "acme");
        assert_eq!(made["account"]["type"], "organization");
        assert_eq!(made["scopes"], json!(["contents:read", "metadata:read"]));
        assert_eq!(made["token_expires_at"], Value::Null);
        assert_eq!(made["github_app_id"], one.app.id);
        assert_eq!(made["github_app_installation_id"], one.id);
        let id = made["id"].as_str().unwrap();
        owner.synced(id).await;
        let found = owner.connection(id).await;
        assert_eq!(found["repository_count"], 250);
        let path = format!("/git-connections/{id}");
        let live = owner
            .get(&format!("{path}/repositories?source=live&per_page=5"))
            .await;
        let live = live.expect(200);
        assert_eq!(
            (&live["total"], &live["repositories"][0]["has_write_access"]),
            (&json!(250), &json!(false))
        );
        let branches = owner
            .get(&format!("{path}/branches?repo=acme/repo-00001"))
            .await;
        assert_eq!(branches.expect(200)["branches"][0]["is_default"], true);
        let validated = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&validated["valid"], &validated["username"]),
            (&json!(true), &json!("acme"))
        );
        assert!(validated["rate_limit_remaining"].is_number());
        let told = owner.get(&path).await.to_string();
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    });
}

#[test]
fn what_cannot_work_is_said_by_field() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 1);
        let other = w.forge.add_app("ada", AppSpec::new("other"));
        let elsewhere = w.forge.install(InstallationSpec::all(other.id, "ada"));
        let suspended = w.forge.install(InstallationSpec::all(one.app.id, "ada"));
        w.forge.edit(|state| state.suspend(suspended, true));
        for (field, value, code) in [
            ("github_app_id", json!(null), "required"),
            ("github_app_id", json!(-1), "invalid_value"),
            ("github_app_installation_id", json!(null), "required"),
            ("github_app_private_key", json!(null), "required"),
            (
                "github_app_private_key",
                json!("no key"),
                "invalid_private_key",
            ),
            (
                "github_app_private_key",
                json!(ec_pkcs8()),
                "invalid_private_key",
            ),
            (
                "github_app_private_key",
                json!(rsa_pkcs8()),
                "invalid_token",
            ),
            (
                "github_app_private_key",
                json!(other.private_key),
                "invalid_token",
            ),
            (
                "github_app_installation_id",
                json!(1),
                "unknown_installation",
            ),
            (
                "github_app_installation_id",
                json!(elsewhere),
                "unknown_installation",
            ),
            ("github_app_installation_id", json!(suspended), "suspended"),
            ("base_url", json!(w.served.gitlab.url), "not_this_provider"),
        ] {
            let mut body = one.body();
            body[field] = value;
            let problem = owner
                .post("/git-connections", body.clone())
                .await
                .problem(422, code);
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
            assert!(problem["errors"][0]["message"].as_str().unwrap().len() > 30);
            assert!(!problem.to_string().contains("MII"), "{problem}");
        }
        // A number that no App has.
        let mut body = one.body();
        body["github_app_id"] = json!(7);
        owner
            .post("/git-connections", body)
            .await
            .problem(422, "invalid_token");
        // A field of another method, and the method of another provider.
        let mut body = one.body();
        body["api_token"] = json!("ghp_abc");
        owner
            .post("/git-connections", body)
            .await
            .problem(422, "unsupported_combination");
        let mut body = one.body();
        body["provider"] = json!("gitlab");
        owner
            .post("/git-connections", body)
            .await
            .problem(422, "unsupported_combination");
        assert_eq!(connections(&owner).await.len(), 0);
    });
}

#[test]
fn testing_stores_nothing() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 1);
        let test = "/git-connections/test";
        let good = owner.post(test, one.body()).await.expect(200);
        assert_eq!(
            (&good["valid"], &good["username"]),
            (&json!(true), &json!("acme"))
        );
        w.forge.edit(|state| state.suspend(one.id, true));
        let bad = owner.post(test, one.body()).await.expect(200);
        assert_eq!(
            (&bad["valid"], &bad["health"]["code"]),
            (&json!(false), &json!("suspended"))
        );
        w.forge.edit(|state| state.uninstall(one.id));
        let bad = owner.post(test, one.body()).await.expect(200);
        assert_eq!(bad["health"]["code"], "uninstalled");
        assert_eq!(connections(&owner).await.len(), 0);
    });
}

#[test]
fn one_installation_is_one_connection() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 3);
        let first = owner.post("/git-connections", one.body()).await.expect(201);
        owner.synced(first["id"].as_str().unwrap()).await;
        // At once and by two.
        let mut body = one.body();
        body["name"] = json!("The same again");
        body["github_app_private_key"] = json!(w.forge.add_app_key(one.app.id));
        let twice = (
            owner.post("/git-connections", body.clone()),
            owner.post("/git-connections", body.clone()),
        );
        for answer in [twice.0.await, twice.1.await] {
            let again = answer.expect(201);
            assert_eq!(
                (&again["id"], &again["name"]),
                (&first["id"], &json!("Acme's App"))
            );
        }
        assert_eq!(connections(&owner).await.len(), 1);
        // What works is not replaced while nobody can be asked.
        let down = mooring_forge::Action::Answer(mooring_forge::Canned::html(502));
        let down = w
            .forge
            .fault(mooring_forge::Fault::on(Match::any().path("/app/**"), down));
        let unasked = owner.post("/git-connections", one.body()).await;
        unasked.problem(502, "provider_unreachable");
        w.forge.remove_fault(down);
        assert_eq!(
            owner.connection(first["id"].as_str().unwrap()).await["status"],
            "active"
        );
        // Another organization's is its own.
        let other = new_organization(&w.context, "Other").await;
        let stranger = w.member_of(other, Role::Owner);
        let theirs = stranger.post("/git-connections", body).await.expect(201);
        assert_ne!(theirs["id"], first["id"]);
        stranger
            .delete(&format!(
                "/git-connections/{}",
                theirs["id"].as_str().unwrap()
            ))
            .await
            .expect(204);
    });
}

#[test]
fn a_key_is_swapped() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 2);
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        owner.synced(&id).await;
        let path = format!("/git-connections/{id}");
        // The old key is deleted at GitHub: what was minted with it works until its end.
        let fresh = w.forge.add_app_key(one.app.id);
        w.forge
            .edit(|state| state.app_mut(one.app.id).public_keys.remove(0));
        let dead = owner
            .post(&format!("{path}/validate"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&dead["valid"], &dead["health"]["code"]),
            (&json!(false), &json!("reauth_required"))
        );
        assert!(
            dead["health"]["action"]
                .as_str()
                .unwrap()
                .contains("private key"),
            "{dead}"
        );
        assert_eq!(owner.connection(&id).await["status"], "revoked");
        let other = w.forge.add_app("ada", AppSpec::new("other"));
        for (key, code) in [
            (other.private_key.clone(), "invalid_token"),
            (ec_pkcs8(), "invalid_private_key"),
        ] {
            let body = json!({ "github_app_private_key": key });
            owner.patch(&path, body).await.problem(422, code);
        }
        owner
            .patch(&path, json!({ "api_token": "ghp_abc" }))
            .await
            .problem(422, "unsupported_combination");
        // As an environment file would have it.
        let pasted = fresh.replace('\n', "\\n");
        let healed = owner
            .patch(&path, json!({ "github_app_private_key": pasted }))
            .await
            .expect(200);
        assert_eq!(
            (&healed["status"], &healed["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        let token = w.github_account("octo", 1);
        let pat = owner.connect_and_sync("github", &token).await;
        let body = json!({ "github_app_private_key": fresh });
        let wrong = owner.patch(&format!("/git-connections/{pat}"), body).await;
        wrong.problem(422, "unsupported_combination");
    });
}

#[test]
fn out_of_reach_is_stored_and_tried_again() {
    run_test(|w| async move {
        let owner = w.owner();
        let one = installed(&w, 2);
        let down = mooring_forge::Action::Answer(mooring_forge::Canned::html(502));
        w.forge
            .fault(mooring_forge::Fault::on(Match::any().path("/app/**"), down));
        let made = owner.post("/git-connections", one.body()).await.expect(201);
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("error"), &json!("unreachable"))
        );
        w.forge.clear_faults();
        w.clock.advance(chrono::TimeDelta::seconds(31));
        let id = made["id"].as_str().unwrap();
        owner.synced(id).await;
        assert_eq!(owner.connection(id).await["repository_count"], 2);
    });
}
