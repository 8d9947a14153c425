//! Deleting a connection, and what stands in the way.

use serde_json::json;

use crate::world::run_test;

#[test]
fn what_depends_on_a_connection_holds_it_unless_forced() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        for name in ["octo/repo-00001", "octo/repo-00002"] {
            let body = json!({ "connection_id": id, "full_name": name, "sast_enabled": true, "sca_enabled": true });
            owner
                .post("/connected-repositories", body)
                .await
                .expect(201);
        }
        let refused = owner.delete(&path).await.problem(409, "connection_in_use");
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("2 connected repositories"),
            "{refused}"
        );
        let dependants = refused["dependants"].as_array().unwrap();
        assert_eq!(dependants.len(), 2, "{refused}");
        assert_eq!(dependants[0]["type"], "connected_repository");
        owner
            .delete(&format!("{path}?force=false"))
            .await
            .problem(409, "connection_in_use");
        owner
            .delete(&format!("{path}?force=true"))
            .await
            .expect(204);

        owner.get(&path).await.problem(404, "not_found");
        owner.delete(&path).await.problem(404, "not_found");
        for (path, plural) in [
            ("/connected-repositories", "connected_repositories"),
            ("/repositories", "repositories"),
            ("/git-connections", "connections"),
        ] {
            let list = owner.get(path).await.expect(200);
            assert_eq!(
                (&list["total"], &list[plural]),
                (&json!(0), &json!([])),
                "{path}"
            );
        }
    });
}

#[test]
fn a_shared_connection_is_held_by_the_organizations_that_use_it() {
    run_test(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        let token = w.github_account("octo", 2);
        let id = admin.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        admin
            .patch(&path, json!({ "allow_org_usage": true }))
            .await
            .expect(200);
        let body = json!({ "connection_id": id, "full_name": "octo/repo-00001", "sast_enabled": true, "sca_enabled": false });
        owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        admin.delete(&path).await.problem(409, "connection_in_use");
        admin
            .delete(&format!("{path}?force=true"))
            .await
            .expect(204);
        let list = owner.get("/connected-repositories").await.expect(200);
        assert_eq!(list["total"], 0);
    });
}
