//! What a sync tells outside, and the stubs it makes.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::world::{World, run_test};

/// Types and data of what is to be told, in order.
async fn told(w: &World) -> Vec<(String, Value)> {
    let mut by_hand = PgConnection::connect_with(&w.options).await.unwrap();
    let sql = "SELECT type, data FROM outbox_events WHERE delivered_at IS NULL ORDER BY id";
    let rows: Vec<(String, Value)> = sqlx::query_as(sql).fetch_all(&mut by_hand).await.unwrap();
    sqlx::query("UPDATE outbox_events SET delivered_at = now()")
        .execute(&mut by_hand)
        .await
        .unwrap();
    rows
}

#[test]
fn repositories_and_syncs_are_told_of_once() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        let types = |told: &[(String, Value)]| -> Vec<String> {
            told.iter().map(|(kind, _)| kind.clone()).collect()
        };
        let first = told(&w).await;
        let added = "repository.added";
        assert_eq!(types(&first), [added, added, added, "sync.completed"]);
        assert_eq!(first[0].1["full_name"], "octo/repo-00001");
        assert_eq!(first[0].1["connection_id"], json!(id));
        assert_eq!(first[3].1["added"], 3);

        let ids: Vec<u64> = w
            .forge
            .read(|state| state.repositories().map(|r| r.id).collect());
        w.forge.edit(|state| {
            state.rename(ids[0], "renamed");
            // A push changes the row, and is no news.
            state.push(ids[1], "main");
            state.delete(ids[2]);
        });
        let job = owner.sync(&id).await;
        assert_eq!(job["result"]["updated"], 2, "{job}");
        let second = told(&w).await;
        assert_eq!(
            types(&second),
            ["repository.updated", "repository.removed", "sync.completed"]
        );
        assert_eq!(second[0].1["changed"], json!(["full_name", "url"]));
        assert_eq!(second[0].1["full_name"], "octo/renamed");
        assert!(second[0].1["previous_full_name"].is_string());
        owner.sync(&id).await;
        assert_eq!(types(&told(&w).await), ["sync.completed"]);
    });
}

#[test]
fn a_repository_has_a_profile_from_the_start() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        owner.connect_and_sync("github", &token).await;
        let rows = owner.get("/repositories").await.expect(200);
        let id = rows["repositories"][0]["id"].as_str().unwrap().to_owned();
        let profile = owner.get(&format!("/repositories/{id}/profile")).await;
        assert_eq!(
            profile.expect(200),
            json!({
                "repository_id": id, "state": "stub", "app_type": null, "languages": [],
                "ecosystems": [], "manifests": [], "dependencies": [], "analyzed_at": null,
                "commit_sha": null,
            })
        );
        let stranger = w.member_of(
            crate::world::new_organization(&w.context, "Other").await,
            shared::domain::organization::Role::Owner,
        );
        stranger
            .get(&format!("/repositories/{id}/profile"))
            .await
            .problem(404, "not_found");
    });
}
