//! RFC 9457: one shape for everything that is not a success.

use http::Method;
use serde_json::json;

use crate::world::{Answer, Caller, run_without_worker};

#[test]
fn every_refusal_has_the_same_shape() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let too_large = owner
            .call(Method::POST, "/api-tokens")
            .raw("x".repeat(1024 * 1024 + 1));
        let malformed = owner.call(Method::POST, "/api-tokens").raw("{");
        for (status, answer) in [
            (400, malformed.send().await),
            (401, w.api.get("/api/v1/organizations").await),
            (403, owner.get("/api/v1/platform/jobs").await),
            (404, owner.get("/nothing").await),
            (405, owner.delete("/jobs").await),
            (413, too_large.send().await),
            (422, owner.post("/api-tokens", json!({})).await),
        ] {
            answer.expect(status);
            check(&answer);
        }
    });
}

fn check(answer: &Answer) {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let body = answer.json();
    let fields = body.as_object().unwrap();
    let code = body["code"].as_str().unwrap();
    assert!(
        code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
        "{code}"
    );
    assert_eq!(body["type"], format!("urn:mooring:problem:{code}"));
    assert_eq!(body["status"], answer.status);
    assert!(!body["title"].as_str().unwrap().is_empty());
    assert!(body["detail"].as_str().unwrap().ends_with('.'), "{answer}");
    assert!(
        body["instance"].as_str().unwrap().starts_with("/api/v1/"),
        "{answer}"
    );
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(
        fields.contains_key("errors"),
        answer.status == 422,
        "{answer}"
    );
    let known = [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "request_id",
        "errors",
    ];
    for field in fields.keys() {
        assert!(known.contains(&field.as_str()), "{field}: {answer}");
    }
}

#[test]
fn all_faults_of_a_body_are_told_at_once() {
    run_without_worker(|w| async move {
        let mut body = Caller::body("github", "glpat-abcdefghijklmnopqrst");
        body["name"] = json!("");
        body["base_url"] = json!("nonsense");
        body["auto_rotate"] = json!(true);
        let answer = w.owner().post("/git-connections", body).await;
        let problem = answer.problem(422, "validation_failed");
        let mut fields: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["field"].as_str().unwrap())
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, ["api_token", "auto_rotate", "base_url", "name"]);
    });
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    run_without_worker(|w| async move {
        let secret = "ghp_Zx81mVnQ4rTb7yUw2sKd9aLfPqRt5678901";
        let owner = w.owner();
        for body in [
            json!({ secret: 1 }),
            json!({ "name": { "x": secret } }),
            json!({ "name": "x", "provider": secret, "auth_method": "pat" }),
            json!({ "name": "x", "provider": "github", "auth_method": secret }),
            json!({ "name": "x", "provider": "github", "auth_method": "pat", "auto_rotate": secret }),
            json!(secret),
        ] {
            let answer = owner.post("/git-connections", body.clone()).await;
            answer.expect(422);
            // An unknown field's name is what the caller must see to mend it.
            let by_name = body.get(secret).is_some();
            assert!(by_name || !answer.to_string().contains(secret), "{answer}");
        }
    });
}
