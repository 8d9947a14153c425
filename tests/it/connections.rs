//! Connections over HTTP: made, listed, changed, tested, validated, deleted.

mod azure;
mod bitbucket;
mod create;
mod expiry;
mod heal;
mod instances;
mod lists;
mod remove;
mod rotation;
mod shared;
mod timeline;
mod warnings;

use crate::world::{Caller, run_test};
use serde_json::json;

#[test]
fn a_connection_is_what_it_was_made_and_what_the_provider_told() {
    run_test(|w| async move {
        let token = w.github_account("octo", 3);
        let owner = w.owner();
        let mut body = Caller::body("github", &token);
        body["description"] = json!("for the builds");
        let answer = owner.post("/git-connections", body).await;
        let made = answer.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        let path = format!("{}/git-connections/{id}", owner.home);
        assert_eq!(answer.header("location"), Some(path.as_str()));

        owner.synced(&id).await;
        let found = owner.connection(&id).await;
        for (field, value) in [
            ("level", json!("organization")),
            ("organization_id", json!(w.organization)),
            ("allow_org_usage", json!(false)),
            ("name", json!("github of ours")),
            ("description", json!("for the builds")),
            ("provider", json!("github")),
            ("auth_method", json!("pat")),
            ("status", json!("active")),
            ("is_active", json!(true)),
            ("username", json!("octo")),
            ("scopes", json!(["read:org", "repo"])),
            ("missing_scopes", json!([])),
            ("token_expires_at", json!(null)),
            ("validation_error", json!(null)),
            ("repository_count", json!(3)),
            ("github_app_id", json!(null)),
            ("created_by", json!("00000000-0000-0000-0000-000000000070")),
            ("created_by_name", json!("Olga Owner")),
        ] {
            assert_eq!(found[field], value, "{field}: {found}");
        }
        assert_eq!(found["health"]["code"], "ok");
        assert_eq!(found["account"]["login"], "octo");
        assert_eq!(found["account"]["type"], "user");
        assert!(found["account"]["avatar_url"].is_string(), "{found}");
        assert_eq!(found["rate_limit"]["limit"], 5000);
        let remaining = found["rate_limit_remaining"].as_i64().unwrap();
        assert!((4900..5000).contains(&remaining), "{found}");
        assert_eq!(found["rate_limit"]["remaining"], remaining);
        for time in [
            "validated_at",
            "last_synced_at",
            "last_used_at",
            "create_date",
            "update_date",
        ] {
            assert!(
                found[time].as_str().unwrap().ends_with('Z'),
                "{time}: {found}"
            );
        }
        assert!(!found.to_string().contains(&token));
    });
}

#[test]
fn changes_are_kept_and_the_rest_stays() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}");
        let body = json!({ "name": "  renamed  ", "description": "why" });
        let changed = owner.patch(&path, body).await.expect(200);
        assert_eq!(
            (&changed["name"], &changed["description"]),
            (&json!("renamed"), &json!("why"))
        );
        let body = json!({ "description": null, "is_active": false });
        let changed = owner.patch(&path, body).await.expect(200);
        assert_eq!(
            (&changed["name"], &changed["description"]),
            (&json!("renamed"), &json!(null))
        );
        assert_eq!(
            (&changed["is_active"], &changed["status"]),
            (&json!(false), &json!("active"))
        );
        let answer = owner.post(&format!("{path}/sync"), json!({})).await;
        answer.problem(409, "connection_inactive");
        assert_eq!(owner.connection(&id).await, changed);
    });
}

#[test]
fn a_test_and_a_validation_say_the_same_and_a_test_stores_nothing() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let body = Caller::body("github", &token);
        let tested = owner.post("/git-connections/test", body).await.expect(200);
        assert_eq!(tested["valid"], true);
        assert_eq!(tested["username"], "octo");
        assert_eq!(tested["scopes"], json!(["read:org", "repo"]));
        assert_eq!(tested["error"], json!(null));
        assert!(tested["rate_limit_remaining"].is_i64());
        let listed = owner.get("/git-connections").await.expect(200);
        assert_eq!(listed["total"], 0);

        let refused = Caller::body("github", "ghp_0000000000000000000000000000000000000");
        let tested = owner
            .post("/git-connections/test", refused)
            .await
            .expect(200);
        assert_eq!(
            (&tested["valid"], &tested["health"]["code"]),
            (&json!(false), &json!("invalid_credential"))
        );
        assert!(tested["error"].as_str().unwrap().ends_with('.'), "{tested}");

        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}/validate");
        let validated = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(
            (&validated["valid"], &validated["username"]),
            (&json!(true), &json!("octo"))
        );
        assert_eq!(validated["health"]["code"], "ok");
    });
}
