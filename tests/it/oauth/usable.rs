//! What there is to connect with, and what is connected.

use serde_json::{Value, json};
use shared::domain::organization::Role;

use super::{app_at, configure, connect, ready};
use crate::world::{Caller, new_organization, run_test, run_without_worker};

async fn usable(caller: &Caller) -> Vec<Value> {
    let list = caller
        .get("/api/v1/git-oauth/connections")
        .await
        .expect(200);
    list["connections"].as_array().unwrap().clone()
}

#[test]
fn the_platforms_own_apps_are_told() {
    run_without_worker(|w| async move {
        let (owner, _) = ready(&w).await;
        let path = "/api/v1/git-oauth/status";
        let none = json!({ "github_enabled": false, "gitlab_enabled": false, "bitbucket_enabled": false,
            "azure_devops_enabled": false, "github_app_enabled": false });
        assert_eq!(owner.get(path).await.expect(200), none);
        let app = app_at(&w, &owner.api, "gitlab");
        configure(&w.admin(), "gitlab", &app).await;
        let told = owner.get(path).await.expect(200);
        assert_eq!(
            (&told["gitlab_enabled"], &told["github_enabled"]),
            (&json!(true), &json!(false))
        );
        owner.api.get(path).await.problem(401, "unauthenticated");
    });
}

#[test]
fn a_picker_sees_what_its_caller_may_see() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let admin = w.admin();
        let by_oauth = connect(&owner, "github", json!({})).await;
        let pasted = owner
            .connect("gitlab", &w.gitlab_account("tanuki", 1))
            .await;
        let off = owner.connect("github", &w.github_account("octo", 1)).await;
        let path = format!("/git-connections/{off}");
        owner
            .patch(&path, json!({ "is_active": false }))
            .await
            .expect(200);
        let token = w.github_account("platform-octo", 1);
        let mut shared = Caller::body("github", &token);
        shared["allow_org_usage"] = json!(true);
        let shared = admin.post("/git-connections", shared).await.expect(201);
        let private = Caller::body("github", &token);
        let private = admin.post("/git-connections", private).await.expect(201);

        let seen = usable(&w.member(Role::Viewer)).await;
        let ids: Vec<&Value> = seen.iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&json!(pasted), &json!(by_oauth), &shared["id"]]);
        assert_eq!(
            seen[1],
            json!({ "id": by_oauth, "provider": "github", "username": "ada", "name": "ada (GitHub)",
                "level": "organization", "organization_id": w.organization, "organization_name": "Acme",
                "status": "active" })
        );
        assert_eq!(seen[2]["level"], "platform");
        assert_eq!(
            (&seen[2]["organization_id"], &seen[2]["organization_name"]),
            (&Value::Null, &Value::Null)
        );
        assert!(usable(&w.member(Role::Billing)).await.is_empty());
        let other = new_organization(&w.context, "Other").await;
        assert_eq!(usable(&w.member_of(other, Role::Owner)).await.len(), 1);
        let of_platform: Vec<Value> = usable(&admin)
            .await
            .iter()
            .map(|one| one["id"].clone())
            .collect();
        assert_eq!(of_platform, [private["id"].clone(), shared["id"].clone()]);
        let program = owner.api_token(&["org.git.connections.list"]).await;
        assert_eq!(usable(&program).await.len(), 3);
        let blind = owner.api_token(&["org.jobs.list"]).await;
        assert!(usable(&blind).await.is_empty());
    });
}
