//! What holds for every call: problem documents, request ids, pages, idempotency keys, headers.

mod documentation;
mod idempotency;
mod problems;

use http::Method;

use crate::world::{Caller, run_test, run_without_worker};

#[test]
fn every_answer_carries_a_request_id() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let mut seen = Vec::new();
        for answer in [
            owner.get("/git-connections").await,
            owner.get("/nothing/here").await,
            owner.post("/git-connections", serde_json::json!({})).await,
            w.api.get("/healthz").await,
            w.api.get("/api/docs").await,
        ] {
            let id = answer.header("x-request-id").unwrap().to_owned();
            assert_eq!(id.len(), 36, "{answer}");
            assert!(!seen.contains(&id));
            seen.push(id);
        }
        let call = owner.call(Method::GET, "/nothing");
        let answer = call.header("x-request-id", "build-7.step:2").send().await;
        assert_eq!(answer.header("x-request-id"), Some("build-7.step:2"));
        assert_eq!(answer.json()["request_id"], "build-7.step:2");
        let call = owner.call(Method::GET, "/nothing");
        let answer = call.header("x-request-id", "<script>alert(1)").send().await;
        assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
    });
}

#[test]
fn a_request_id_is_found_again_in_the_activity_log() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let call = owner.call(Method::POST, "/git-connections");
        let call = call.json(&Caller::body("github", &token));
        call.header("x-request-id", "find-me-again")
            .send()
            .await
            .expect(201);
        let entries = owner.get("/activity").await.expect(200);
        let entry = &entries["entries"][0];
        assert_eq!(entry["request_id"], "find-me-again");
        assert_eq!(entry["ip"], "127.0.0.1");
    });
}

#[test]
fn unknown_paths_and_methods() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        for path in [
            "/nothing",
            "/api/v1",
            "/api/v2/organizations",
            "/api/v1/organizations/",
            "/api/v1//organizations",
            "/.env",
            "/api/v1/platform",
        ] {
            let answer = w
                .api
                .call(Method::GET, path)
                .token(&owner.token)
                .send()
                .await;
            answer.problem(404, "not_found");
        }
        for (method, path, allowed) in [
            (Method::PUT, "/git-connections", "GET,HEAD,POST"),
            (Method::POST, "/activity", "GET,HEAD"),
            (Method::DELETE, "/api/v1/organizations", "GET,HEAD,POST"),
        ] {
            let answer = owner.call(method, path).send().await;
            answer.problem(405, "method_not_allowed");
            let mut listed: Vec<&str> = answer
                .header("allow")
                .unwrap()
                .split(',')
                .map(str::trim)
                .collect();
            listed.sort_unstable();
            assert_eq!(listed.join(","), allowed, "{answer}");
        }
        let head = owner.call(Method::HEAD, "/git-connections").send().await;
        assert_eq!((head.status, head.bytes.len()), (200, 0));
    });
}

#[test]
fn answers_do_no_harm_in_a_browser() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        for answer in [
            owner.get("/git-connections").await,
            owner.get("/git-connections?page=0").await,
            w.api.get("/nothing").await,
            w.api.get("/").await,
            w.api.get("/api/docs").await,
        ] {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        }
        let private = owner.get("/git-connections").await;
        assert_eq!(private.header("cache-control"), Some("no-store"));
        assert_eq!(private.header("content-type"), Some("application/json"));
        assert!(private.header("access-control-allow-origin").is_none());
    });
}

#[test]
fn a_caller_over_its_own_limit_is_told_when_to_come_back() {
    run_without_worker(|w| async move {
        let rate = api::Rate {
            per_second: 0.5,
            burst: 3.0,
        };
        let verifier = crate::world::verifier(&w.clock);
        let api =
            crate::world::Api::start(&w.context, verifier, |settings| settings.reads = rate).await;
        let owner = w.owner().at(&api);
        for _ in 0..3 {
            owner.get("/git-connections").await.expect(200);
        }
        let answer = owner.get("/git-connections").await;
        answer.problem(429, "too_many_requests");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3).contains(&seconds), "{answer}");
        // Changes and other callers have their own.
        owner
            .patch("", serde_json::json!({ "name": "Renamed" }))
            .await
            .expect(200);
        w.admin().at(&api).get("/git-connections").await.expect(200);
    });
}
