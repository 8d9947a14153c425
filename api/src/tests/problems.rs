//! What a problem looks like when it leaves.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::authz::{Denied, Need, Permission, Unauthenticated};
use shared::flows::{Error, FieldError};

use crate::error::{ApiError, unauthenticated};
use crate::problem::Problem;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

async fn sent(problem: &Problem) -> (Response<Body>, Value) {
    let response = problem.render("/api/v1/here", "req-1", now());
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let value = serde_json::from_slice(&bytes).unwrap();
    (Response::from_parts(parts, Body::empty()), value)
}

#[tokio::test]
async fn a_problem_has_the_published_shape() {
    let (response, body) = sent(&Problem::field("name", "too_long", "Shorten it.")).await;
    assert_eq!(response.status(), 422);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(
        body,
        json!({
            "type": "urn:mooring:problem:too_long",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "Shorten it.",
            "instance": "/api/v1/here",
            "code": "too_long",
            "request_id": "req-1",
            "errors": [{ "field": "name", "code": "too_long", "message": "Shorten it." }],
        })
    );
    let (_, body) = sent(&Problem::not_found("job")).await;
    assert!(body.get("errors").is_none());
}

#[test]
fn several_faults_of_several_kinds_are_one_code() {
    let fault = |code: &str| FieldError::new("f", code, "m");
    assert_eq!(Problem::invalid(vec![fault("a"), fault("a")]).code, "a");
    let mixed = Problem::invalid(vec![fault("a"), fault("b")]);
    assert_eq!(mixed.code, "validation_failed");
    assert_eq!(mixed.errors.len(), 2);
}

#[tokio::test]
async fn waiting_times_round_up() {
    let at = now() + TimeDelta::milliseconds(1500);
    let error = ApiError::from(Error::TooMany {
        code: "too_many_failures",
        message: "Wait.".to_owned(),
        retry_at: at,
    });
    let (response, body) = sent(&error.0).await;
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["retry-after"]
        ),
        (429, &"2".parse().unwrap())
    );
    assert_eq!(body["code"], "too_many_failures");
    let closed = ApiError::from(Error::ProviderRateLimited { retry_at: None });
    let (response, body) = sent(&closed.0).await;
    assert_eq!(
        (response.status().as_u16(), &body["code"]),
        (503, &json!("provider_rate_limited"))
    );
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn who_is_unknown_is_challenged() {
    for (refused, status, code, challenge) in [
        (
            Unauthenticated::Missing,
            401,
            "unauthenticated",
            r#"Bearer realm="mooring""#,
        ),
        (
            Unauthenticated::Expired,
            401,
            "token_expired",
            "invalid_token",
        ),
        (
            Unauthenticated::Invalid("x"),
            401,
            "invalid_token",
            "invalid_token",
        ),
    ] {
        let (response, body) = sent(&unauthenticated(refused)).await;
        assert_eq!(
            (response.status().as_u16(), &body["code"]),
            (status, &json!(code))
        );
        let header = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(header.contains(challenge), "{header}");
    }
    let (response, _) = sent(&unauthenticated(Unauthenticated::KeysUnavailable)).await;
    assert_eq!(response.status(), 503);
}

#[test]
fn denials_tell_what_is_missing_and_nothing_of_other_tenants() {
    let lacks = Denied::Lacks(Need::Permission(Permission::ConnectionsCreate));
    let problem = ApiError::from(lacks).0;
    assert_eq!(
        (problem.status.as_u16(), &*problem.code),
        (403, "permission_denied")
    );
    assert!(problem.detail.contains("org.git.connections.create"));
    let other = ApiError::from(Denied::NotFound).0;
    assert_eq!((other.status.as_u16(), &*other.code), (404, "not_found"));
    let weak = ApiError::from(Denied::Assurance).0;
    assert_eq!((weak.status.as_u16(), &*weak.code), (403, "aal2_required"));
}

#[test]
fn a_fault_of_ours_says_nothing_of_itself() {
    let problem = ApiError::from(Error::Internal("password=hunter2".to_owned())).0;
    assert_eq!(problem.status, 500);
    assert!(!format!("{problem:?}").contains("hunter2"));
    // It travels in an empty response until the edge renders it.
    let response = problem.into_response();
    assert!(
        response
            .extensions()
            .get::<std::sync::Arc<Problem>>()
            .is_some()
    );
}
