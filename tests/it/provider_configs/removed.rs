//! A deleted configuration takes with it what was connected through it, and nothing else.

use mooring_forge::TokenSpec;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::{PATH, events, gitlab, listed};
use crate::world::{World, run_test};

/// As if they had come by OAuth or App.
async fn granted(w: &World, ids: &[&String], method: &str) {
    let mut owner = PgConnection::connect_with(&w.options).await.unwrap();
    for id in ids {
        sqlx::query(
            "UPDATE connections SET auth_method = $2, github_app_id = 1, \
                github_app_installation_id = ('x' || right(id::text, 7))::bit(28)::int \
             WHERE id = $1::uuid",
        )
        .bind(id)
        .bind(method)
        .execute(&mut owner)
        .await
        .unwrap();
    }
}

#[test]
fn what_hangs_on_it_goes_in_one_entry() {
    run_test(|w| async move {
        let owner = w.owner();
        let config = owner.post(PATH, gitlab()).await.expect(201);
        let token = w.gitlab_account("tanuki", 3);
        let second = w.forge.mint(TokenSpec::gitlab("tanuki"));
        let pasted = owner.connect_and_sync("gitlab", &token).await;
        let by_oauth = owner.connect_and_sync("gitlab", &token).await;
        let again = owner.connect_and_sync("gitlab", &second).await;
        let github = owner
            .connect_and_sync("github", &w.github_account("octo", 2))
            .await;
        granted(&w, &[&by_oauth, &again, &github], "oauth").await;
        let off = json!({ "is_active": false });
        owner
            .patch(&format!("/git-connections/{again}"), off)
            .await
            .expect(200);
        assert_eq!(owner.get("/repositories").await.expect(200)["total"], 11);

        let id = config["id"].as_str().unwrap();
        owner.delete(&format!("{PATH}/{id}")).await.expect(204);
        assert!(listed(&owner).await.is_empty());
        let left = owner.get("/git-connections").await.expect(200);
        let left_over = left["connections"].as_array().unwrap();
        let ids: Vec<_> = left_over
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, [github.as_str(), pasted.as_str()]);
        assert_eq!(left["total"], 2);
        let active = owner.get("/git-connections?active_only=true").await;
        assert_eq!(active.expect(200)["total"], 2);
        assert_eq!(owner.get("/repositories").await.expect(200)["total"], 5);

        let entries = events(&owner, "git_provider_config_removed").await;
        assert_eq!(entries.len(), 1);
        assert_eq!(
            entries[0]["metadata"],
            json!({ "provider": "gitlab", "connections": 2 })
        );
        assert!(events(&owner, "git_connection_deleted").await.is_empty());
        owner
            .delete(&format!("{PATH}/{id}"))
            .await
            .problem(404, "not_found");
    });
}

#[test]
fn shared_connections_of_the_platform_leave_everybodys_list() {
    run_test(|w| async move {
        let (admin, owner) = (w.admin(), w.owner());
        let config = admin.post(PATH, gitlab()).await.expect(201);
        let token = w.gitlab_account("tanuki", 1);
        let mut body = crate::world::Caller::body("gitlab", &token);
        body["allow_org_usage"] = json!(true);
        let shared = admin.post("/git-connections", body).await.expect(201);
        let id = shared["id"].as_str().unwrap().to_owned();
        admin.synced(&id).await;
        granted(&w, &[&id], "github_app").await;
        let seen = owner.get("/git-connections").await.expect(200);
        assert_eq!(seen["total"], 1);
        let config = config["id"].as_str().unwrap();
        admin.delete(&format!("{PATH}/{config}")).await.expect(204);
        let seen = owner.get("/git-connections").await.expect(200);
        assert_eq!(
            (&seen["total"], &seen["connections"]),
            (&json!(0), &json!([]))
        );
    });
}
