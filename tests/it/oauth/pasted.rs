//! Grants that were obtained elsewhere.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::Row;

use super::ready;
use crate::world::{World, run_test};

async fn stored(w: &World) -> (bool, Option<String>, bool) {
    let mut tx = w.context.db.tenant(w.organization).await.unwrap();
    let row = sqlx::query(
        "SELECT refresh_token IS NOT NULL, oauth_client_id, next_refresh_at IS NOT NULL FROM credentials",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[test]
fn a_pasted_grant_connects_and_is_replaced_in_place() {
    run_test(|w| async move {
        let (owner, [_, gitlab]) = ready(&w).await;
        let granted = w.forge.grant(gitlab.id, "ada");
        let end = w.clock.now() + TimeDelta::hours(2);
        let body = json!({ "name": "Pasted", "provider": "gitlab", "auth_method": "oauth",
            "access_token": format!(" {}\n", granted.access_token),
            "refresh_token": granted.refresh_token, "token_expires_at": end });
        let made = owner
            .post("/git-connections", body.clone())
            .await
            .expect(201);
        let id = made["id"].as_str().unwrap();
        assert_eq!(
            (&made["status"], &made["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        assert_eq!(
            stored(&w).await,
            (true, Some(gitlab.client_id.clone()), true)
        );
        owner.synced(id).await;
        owner.post("/git-connections/test", body).await.expect(200);

        let path = format!("/git-connections/{id}");
        let next = w.forge.grant(gitlab.id, "ada");
        let change = json!({ "access_token": next.access_token });
        owner.patch(&path, change).await.expect(200);
        assert_eq!(stored(&w).await, (false, None, false));
        let after = owner.connection(id).await;
        assert_eq!(
            (&after["token_expires_at"], &after["status"]),
            (&Value::Null, &json!("active"))
        );
        assert_eq!(after["repository_count"], 3);
        let updated = &super::events(&owner, "git_connection_updated").await[0];
        assert_eq!(
            updated["metadata"]["changed_fields"],
            json!(["access_token"])
        );
    });
}

#[test]
fn what_is_wrong_with_it_is_told_by_field() {
    run_test(|w| async move {
        let (owner, [github, _]) = ready(&w).await;
        let token = w.forge.grant(github.id, "ada").access_token;
        let with = |more: Value| {
            let mut body = json!({ "name": "Pasted", "provider": "github", "auth_method": "oauth",
                "access_token": token });
            for (field, value) in more.as_object().unwrap() {
                body[field] = value.clone();
            }
            body
        };
        for (more, code, field) in [
            (json!({ "access_token": null }), "required", "access_token"),
            (json!({ "access_token": " " }), "required", "access_token"),
            (
                json!({ "access_token": "glpat-abcdefghijklmnopqrst" }),
                "wrong_provider_token",
                "access_token",
            ),
            (
                json!({ "access_token": "gho_never_issued" }),
                "invalid_token",
                "access_token",
            ),
            (
                json!({ "refresh_token": "two words" }),
                "malformed_token",
                "refresh_token",
            ),
            (
                json!({ "refresh_token": "" }),
                "malformed_token",
                "refresh_token",
            ),
            (
                json!({ "token_expires_at": "2001-01-01T00:00:00Z" }),
                "in_the_past",
                "token_expires_at",
            ),
            (
                json!({ "api_token": "x" }),
                "unsupported_combination",
                "api_token",
            ),
        ] {
            let answer = owner.post("/git-connections", with(more)).await;
            let problem = answer.problem(422, code);
            assert_eq!(problem["errors"][0]["field"], field, "{answer}");
        }
        let id = owner
            .post("/git-connections", with(json!({})))
            .await
            .expect(201);
        let path = format!("/git-connections/{}", id["id"].as_str().unwrap());
        for (body, code, field) in [
            (json!({ "refresh_token": "x" }), "required", "access_token"),
            (
                json!({ "api_token": "x" }),
                "unsupported_combination",
                "api_token",
            ),
            (
                json!({ "access_token": "gho_never_issued" }),
                "invalid_token",
                "access_token",
            ),
        ] {
            let answer = owner.patch(&path, body).await;
            let problem = answer.problem(422, code);
            assert_eq!(problem["errors"][0]["field"], field, "{answer}");
        }
    });
}
