//! Bad input: what is answered, and that nothing is stored.

mod bodies;
mod counts;
mod tables;

use http::Method;
use serde_json::{Value, json};

use crate::world::{Caller, allowing, run_without_worker};
pub use counts::rows;
use tables::{Bad, connection_bodies, queries};

#[test]
fn a_bad_connection_says_what_is_wrong_and_stores_nothing() {
    run_without_worker(|w| async move {
        let token = w.github_account("octo", 1);
        let before = rows(&w).await;
        let owner = w.owner().at(&allowing(&w, "").await);
        w.forge.clear_log();
        for path in ["/git-connections", "/git-connections/test"] {
            for bad in connection_bodies(&token) {
                let answer = owner.post(path, bad.body.clone()).await;
                bad.check(&answer);
            }
        }
        assert_eq!(
            w.forge.count(&mooring_forge::Match::any()),
            0,
            "asked the provider"
        );
        assert_eq!(rows(&w).await, before);
    });
}

#[test]
fn a_bad_change_leaves_everything_as_it_was() {
    run_without_worker(|w| async move {
        let token = w.github_account("octo", 1);
        let owner = w.owner();
        let id = owner.connect("github", &token).await;
        let before = (rows(&w).await, owner.connection(&id).await);
        let path = format!("/git-connections/{id}");
        for (body, code, field) in [
            (json!({ "name": "" }), "required", "name"),
            (json!({ "name": "x".repeat(101) }), "too_long", "name"),
            (json!({ "api_token": " \n" }), "required", "api_token"),
            (
                json!({ "api_token": "glpat-abcdefghijklmnopqrst" }),
                "wrong_provider_token",
                "api_token",
            ),
            (
                json!({ "auto_rotate": true }),
                "unsupported_combination",
                "auto_rotate",
            ),
            (
                json!({ "allow_org_usage": true }),
                "platform_only",
                "allow_org_usage",
            ),
            (
                json!({ "refresh_token": "x" }),
                "unsupported_combination",
                "refresh_token",
            ),
            (json!({ "status": "active" }), "unknown_field", "status"),
            (json!({ "is_active": "yes" }), "invalid_type", "is_active"),
        ] {
            let bad = Bad::new(body, 422, code, field);
            bad.check(&owner.patch(&path, bad.body.clone()).await);
        }
        assert_eq!((rows(&w).await, owner.connection(&id).await), before);
    });
}

#[test]
fn a_bad_query_says_which_parameter() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner.connect("github", &w.github_account("octo", 1)).await;
        for (path, code, field) in queries(&id) {
            let bad = Bad::new(Value::Null, 422, code, field);
            bad.check(&owner.get(&path).await);
        }
    });
}

#[test]
fn unknown_ids_are_not_found_whatever_they_look_like() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let unknown = "01234567-89ab-7def-8123-456789abcdef";
        for id in [
            unknown,
            "1",
            "null",
            "01234567-89ab-7def-8123-456789abcdeg",
            "%00",
            "..%2F..",
            "0123456789ab7def8123456789abcdef",
        ] {
            for (method, path) in [
                (Method::GET, format!("/git-connections/{id}")),
                (Method::DELETE, format!("/git-connections/{id}")),
                (Method::GET, format!("/git-connections/{id}/repositories")),
                (Method::GET, format!("/git-connections/{id}/syncs")),
                (Method::POST, format!("/git-connections/{id}/validate")),
                (Method::POST, format!("/git-connections/{id}/sync")),
                (Method::GET, format!("/repositories/{id}")),
                (Method::GET, format!("/connected-repositories/{id}")),
                (Method::GET, format!("/jobs/{id}")),
                (Method::POST, format!("/jobs/{id}/cancel")),
                (Method::DELETE, format!("/api-tokens/{id}")),
                (Method::GET, format!("/members/{id}")),
            ] {
                let answer = owner.call(method, &path).send().await;
                answer.problem(404, "not_found");
            }
            let elsewhere = Caller {
                home: format!("/api/v1/organizations/{id}"),
                ..owner.clone()
            };
            elsewhere
                .get("/git-connections")
                .await
                .problem(404, "not_found");
        }
    });
}
