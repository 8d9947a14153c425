//! API tokens: exactly the permissions that they carry, in exactly one place.

use api::Access;
use http::Method;
use serde_json::json;
use shared::authz::{Need, Permission};

use super::furnished::Place;
use crate::world::{Caller, new_organization, run_test};

#[test]
fn a_token_opens_the_routes_of_its_permission_and_no_others() {
    run_test(|w| async move {
        let place = Place::organization(&w).await;
        let owner = w.owner();
        for permission in Permission::ALL {
            let only = owner.api_token(&[permission.as_str()]).await;
            for route in api::routes() {
                let Access::Organization(need) = route.access else {
                    continue;
                };
                // What deletes would take what later rounds need.
                let opens = need == Need::Membership || need == Need::Permission(*permission);
                if opens && route.method == Method::DELETE {
                    continue;
                }
                let answer = place.call(route, &only).await;
                if opens {
                    let let_in = !matches!(answer.status, 401 | 403 | 404);
                    assert!(let_in, "{permission}: {answer}");
                } else {
                    answer.problem(403, "permission_denied");
                }
            }
        }
    });
}

#[test]
fn a_token_is_worth_nothing_outside_its_place() {
    run_test(|w| async move {
        let all: Vec<&str> = Permission::ALL.iter().map(|one| one.as_str()).collect();
        let program = w.owner().api_token(&all).await;
        program.get("/git-connections").await.expect(200);

        let other = new_organization(&w.context, "Other").await;
        let elsewhere = Caller {
            home: format!("/api/v1/organizations/{other}"),
            ..program.clone()
        };
        elsewhere
            .get("/git-connections")
            .await
            .problem(404, "not_found");
        let answer = program.get("/api/v1/platform/git-connections").await;
        answer.problem(403, "permission_denied");

        let of_platform = w.admin().api_token(&all).await;
        of_platform.get("/git-connections").await.expect(200);
        let inside = Caller {
            home: w.owner().home,
            ..of_platform
        };
        inside
            .get("/git-connections")
            .await
            .problem(404, "not_found");
    });
}

#[test]
fn a_token_ends_with_its_date_and_its_deletion() {
    run_test(|w| async move {
        let owner = w.owner();
        let end = w.clock.now() + chrono::TimeDelta::minutes(5);
        let body = json!({ "name": "short", "permissions": ["org.jobs.list"], "expires_at": end });
        let made = owner.post("/api-tokens", body).await.expect(201);
        let short = Caller {
            token: made["secret"].as_str().unwrap().to_owned(),
            ..owner.clone()
        };
        short.get("/jobs").await.expect(200);
        w.clock.advance(chrono::TimeDelta::minutes(6));
        short.get("/jobs").await.problem(401, "token_expired");

        let deleted = owner.api_token(&["org.jobs.list"]).await;
        let listed = owner.get("/api-tokens").await.expect(200);
        let id = listed["api_tokens"][0]["id"].as_str().unwrap();
        owner.delete(&format!("/api-tokens/{id}")).await.expect(204);
        deleted.get("/jobs").await.problem(401, "invalid_token");
    });
}

#[test]
fn nobody_gives_more_than_they_hold() {
    run_test(|w| async move {
        let program = w
            .owner()
            .api_token(&["org.tokens.manage", "org.jobs.list"])
            .await;
        let more = json!({ "name": "more", "permissions": ["org.git.connections.use"] });
        program
            .post("/api-tokens", more)
            .await
            .problem(403, "permission_denied");
        let unknown = json!({ "name": "odd", "permissions": ["org.everything"] });
        program
            .post("/api-tokens", unknown)
            .await
            .problem(422, "unknown_permission");
    });
}
