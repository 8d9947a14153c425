//! Connected repositories: what scanners may touch.

use serde_json::{Value, json};
use shared::domain::organization::Role;

use crate::world::{new_organization, run_test};

#[test]
fn connected_changed_listed_and_removed() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        let body = |name: &str| json!({ "connection_id": id, "full_name": name, "sast_enabled": true, "sca_enabled": false });
        let answer = owner
            .post("/connected-repositories", body(" octo/repo-00001 "))
            .await;
        let made = answer.expect(201);
        let path = format!("/connected-repositories/{}", made["id"].as_str().unwrap());
        assert_eq!(
            answer.header("location").unwrap(),
            format!("{}{path}", owner.home)
        );
        for (field, value) in [
            ("connection_id", json!(id)),
            ("organization_id", json!(w.organization)),
            ("provider", json!("github")),
            ("full_name", json!("octo/repo-00001")),
            ("sast_enabled", json!(true)),
            ("sca_enabled", json!(false)),
            ("default_branch", json!("main")),
            ("last_scan_at", json!(null)),
        ] {
            assert_eq!(made[field], value, "{field}: {made}");
        }
        owner
            .post("/connected-repositories", body("octo/repo-00001"))
            .await
            .problem(409, "already_connected");
        owner
            .post("/connected-repositories", body("octo/nowhere"))
            .await
            .problem(422, "not_found");
        owner
            .post("/connected-repositories", body(""))
            .await
            .problem(422, "required");
        let mut elsewhere = body("octo/repo-00002");
        elsewhere["connection_id"] = json!("01234567-89ab-7def-8123-456789abcdef");
        let refused = owner
            .post("/connected-repositories", elsewhere)
            .await
            .problem(422, "not_found");
        assert_eq!(refused["errors"][0]["field"], "connection_id");

        let changed = owner
            .patch(
                &path,
                json!({ "sca_enabled": true, "default_branch": "next" }),
            )
            .await
            .expect(200);
        assert_eq!(
            (
                &changed["sast_enabled"],
                &changed["sca_enabled"],
                &changed["default_branch"]
            ),
            (&json!(true), &json!(true), &json!("next"))
        );
        let changed = owner
            .patch(&path, json!({ "default_branch": null }))
            .await
            .expect(200);
        assert_eq!(changed["default_branch"], Value::Null);
        assert_eq!(owner.get(&path).await.expect(200), changed);

        owner
            .post("/connected-repositories", body("octo/repo-00002"))
            .await
            .expect(201);
        let list = owner
            .get(&format!("/connected-repositories?connection_id={id}"))
            .await
            .expect(200);
        assert_eq!(
            (
                &list["total"],
                &list["connected_repositories"][0]["full_name"]
            ),
            (&json!(2), &json!("octo/repo-00002"))
        );

        let stranger = w.member_of(new_organization(&w.context, "Other").await, Role::Owner);
        stranger.get(&path).await.problem(404, "not_found");
        stranger
            .post("/connected-repositories", body("octo/repo-00003"))
            .await
            .problem(422, "not_found");
        assert_eq!(
            stranger.get("/connected-repositories").await.expect(200)["total"],
            0
        );

        owner.delete(&path).await.expect(204);
        owner.delete(&path).await.problem(404, "not_found");
        owner
            .post("/connected-repositories", body("octo/repo-00001"))
            .await
            .expect(201);
    });
}

#[test]
fn one_that_no_sync_has_seen_yet_is_asked_of_the_provider() {
    run_test(|w| async move {
        let owner = w.owner();
        for (provider, login, token) in [
            ("github", "octo", w.github_account("octo", 1)),
            ("gitlab", "tanuki", w.gitlab_account("tanuki", 1)),
        ] {
            let id = owner.connect_and_sync(provider, &token).await;
            w.forge.add_repositories(login, 1);
            let body = json!({ "connection_id": id, "full_name": format!("{login}/repo-00002"), "sast_enabled": false, "sca_enabled": true });
            let made = owner
                .post("/connected-repositories", body)
                .await
                .expect(201);
            assert!(made["provider_repository_id"].is_string(), "{made}");
        }
    });
}
