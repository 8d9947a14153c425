//! Connections of the platform that every organization may use and none may change.

use serde_json::json;
use shared::domain::organization::Role;

use crate::world::{new_organization, run_test};

#[test]
fn every_organization_reads_a_shared_connection_and_none_changes_it() {
    run_test(|w| async move {
        let admin = w.admin();
        let token = w.github_account("octo", 3);
        let id = admin.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        let other = new_organization(&w.context, "Other").await;
        let owners = [w.owner(), w.member_of(other, Role::Owner)];
        for owner in &owners {
            owner.get(&path).await.problem(404, "not_found");
            assert_eq!(owner.get("/git-connections").await.expect(200)["total"], 0);
        }
        admin
            .patch(&path, json!({ "allow_org_usage": true }))
            .await
            .expect(200);
        for owner in &owners {
            let listed = owner.get("/git-connections").await.expect(200);
            assert_eq!(
                (&listed["total"], &listed["connections"][0]["id"]),
                (&json!(1), &json!(id))
            );
            let found = owner.connection(&id).await;
            assert_eq!(
                (&found["level"], &found["organization_id"]),
                (&json!("platform"), &json!(null))
            );
            for source in ["stored", "live"] {
                let list = owner
                    .get(&format!("{path}/repositories?source={source}"))
                    .await
                    .expect(200);
                assert_eq!(
                    list["repositories"].as_array().unwrap().len(),
                    3,
                    "{source}"
                );
            }
            let branches = owner
                .get(&format!("{path}/branches?repo=octo/repo-00001"))
                .await
                .expect(200);
            assert_eq!(branches["branches"][0]["name"], "main");

            for answer in [
                owner.patch(&path, json!({ "name": "mine" })).await,
                owner.delete(&path).await,
                owner.post(&format!("{path}/validate"), json!({})).await,
                owner.post(&format!("{path}/sync"), json!({})).await,
            ] {
                answer.problem(403, "permission_denied");
            }
        }
        assert_eq!(admin.connection(&id).await["name"], "github of ours");
        // Its jobs are the platform's, and so are its repositories.
        assert_eq!(owners[0].get("/jobs").await.expect(200)["total"], 0);
        assert_eq!(owners[0].get("/repositories").await.expect(200)["total"], 0);
        assert_eq!(admin.get("/repositories").await.expect(200)["total"], 3);
        let job = admin.sync(&id).await;
        assert_eq!(
            (&job["status"], &job["organization_id"]),
            (&json!("succeeded"), &json!(null))
        );

        admin
            .patch(&path, json!({ "allow_org_usage": false }))
            .await
            .expect(200);
        owners[0].get(&path).await.problem(404, "not_found");
    });
}

#[test]
fn only_the_platform_shares() {
    run_test(|w| async move {
        let token = w.github_account("octo", 1);
        let owner = w.owner();
        let mut body = crate::world::Caller::body("github", &token);
        body["allow_org_usage"] = json!(true);
        owner
            .post("/git-connections", body)
            .await
            .problem(422, "platform_only");
        let id = owner.connect("github", &token).await;
        let body = json!({ "allow_org_usage": true });
        owner
            .patch(&format!("/git-connections/{id}"), body)
            .await
            .problem(422, "platform_only");
    });
}
