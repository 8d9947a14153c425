//! Bodies that are no JSON, too large, or of another kind.

use http::Method;

use super::counts::rows;
use crate::world::{Caller, run_without_worker};

#[test]
fn what_is_no_json_is_told_with_its_place() {
    run_without_worker(|w| async move {
        let before = rows(&w).await;
        let owner = w.owner();
        let post = |body: &'static str| owner.call(Method::POST, "/git-connections").raw(body);
        for body in [
            "{",
            "nonsense",
            "{\"name\": \"x\",}",
            "{\"name\": 'x'}",
            "\u{feff}{}",
        ] {
            let answer = post(body).send().await;
            let problem = answer.problem(400, "malformed_json");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains("line") && detail.contains("column"),
                "{body}: {detail}"
            );
        }
        for body in ["[]", "7", "\"text\"", "null"] {
            let answer = post(body).send().await;
            answer.problem(422, "invalid_type");
        }
        let twice = "{\"name\": \"a\", \"name\": \"b\"}";
        post(twice).send().await.problem(422, "duplicate_field");
        post("").send().await.problem(400, "body_required");
        let form = owner
            .call(Method::POST, "/git-connections")
            .header("content-type", "application/x-www-form-urlencoded");
        let text = Caller::body("github", "ghp_x").to_string();
        let answer = form.raw_of_no_kind(text).send().await;
        answer.problem(415, "unsupported_media_type");
        assert_eq!(rows(&w).await, before);
    });
}

#[test]
fn a_body_over_a_mebibyte_is_refused_whether_it_says_so_or_not() {
    run_without_worker(|w| async move {
        let before = rows(&w).await;
        let owner = w.owner();
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
        for path in ["/git-connections", "/connected-repositories", "/api-tokens"] {
            let told = owner.call(Method::POST, path).raw(large.clone());
            told.send().await.problem(413, "body_too_large");
            // In pieces, without a length.
            let bytes = bytes::Bytes::from(large.clone());
            let pieces = (0..large.len()).step_by(64 * 1024).map(move |from| {
                let to = (from + 64 * 1024).min(bytes.len());
                Ok::<_, std::io::Error>(bytes.slice(from..to))
            });
            let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
            let untold = owner.call(Method::POST, path).raw(body);
            untold.send().await.problem(413, "body_too_large");
        }
        // One that just fits is read, and judged by its content.
        let fits = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024 - 12));
        assert_eq!(fits.len(), 1024 * 1024);
        let answer = owner
            .call(Method::POST, "/api-tokens")
            .raw(fits)
            .send()
            .await;
        answer.problem(422, "required");
        assert_eq!(rows(&w).await, before);
    });
}
