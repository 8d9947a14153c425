//! For operators and their machines: alive, ready, figures, the description and its page.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::problem::Problem;
use crate::reply::{Reply, json_body, json_bytes};
use crate::route::Doc;
use crate::state::ApiState;

const TAG: &str = "Operations";

/// Longest that one check of `/readyz` may take.
const CHECK_WITHIN: Duration = Duration::from_secs(3);

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Alive {
    /// `ok`.
    status: &'static str,
    /// Of this program.
    version: &'static str,
}

pub(crate) const HEALTHZ: Doc = Doc {
    id: "get_health",
    tag: TAG,
    summary: "Is the process alive?",
    description: "Answers as long as the process does, whatever else is away. Restart it where it does not.",
    problems: &[],
};

pub(crate) async fn healthz() -> Reply<Alive> {
    Reply(Alive {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// What this process needs, by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ready {
    /// `ready`.
    status: &'static str,
    /// What was looked at.
    checks: Vec<&'static str>,
}

pub(crate) const READYZ: Doc = Doc {
    id: "get_readiness",
    tag: TAG,
    summary: "Can the process do its work?",
    description: "Looks at the database, its migrations and the queue. 503 names what is missing; send no traffic then.",
    problems: &[(503, "not_ready")],
};

pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<Reply<Ready>, ApiError> {
    let checks = state.checks.iter().map(|(name, check)| async move {
        match tokio::time::timeout(CHECK_WITHIN, check()).await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some((*name, why)),
            Err(_) => Some((*name, "no answer in time".to_owned())),
        }
    });
    let missing: Vec<_> = futures_util::future::join_all(checks)
        .await
        .into_iter()
        .flatten()
        .collect();
    if missing.is_empty() {
        return Ok(Reply(Ready {
            status: "ready",
            checks: state.checks.iter().map(|(name, _)| *name).collect(),
        }));
    }
    for (name, why) in &missing {
        tracing::warn!(check = name, why, "not ready");
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        format!("Missing: {}. The log says why.", names.join(", ")),
    )
    .header(header::RETRY_AFTER, HeaderValue::from_static("2"))
    .into())
}

pub(crate) const METRICS: Doc = Doc {
    id: "get_metrics",
    tag: TAG,
    summary: "Figures in Prometheus' text form",
    description: "404 where they are served on an address of their own (`MOORING_METRICS_LISTEN`).",
    problems: &[(404, "not_found")],
};

pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Plain, ApiError> {
    if !state.settings.serve_metrics {
        return Err(Problem::not_found("page").into());
    }
    Ok(figures(&state).await)
}

/// The figures, wherever they are served.
pub(crate) async fn own_metrics(State(state): State<ApiState>) -> Plain {
    figures(&state).await
}

async fn figures(state: &ApiState) -> Plain {
    Plain(state.metrics.render(crate::router::routes()).await)
}

/// Prometheus' text.
#[derive(Debug)]
pub(crate) struct Plain(String);

impl IntoResponse for Plain {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        ([(header::CONTENT_TYPE, kind)], self.0).into_response()
    }
}

impl aide::OperationOutput for Plain {
    type Inner = String;
    fn inferred_responses(
        context: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        String::inferred_responses(context, operation)
    }
}

static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| json_bytes(&crate::openapi::openapi()).unwrap_or_default());

/// The OpenAPI 3.1 description, written once.
pub(crate) async fn document() -> Response {
    cached(json_body(StatusCode::OK, DOCUMENT.clone()))
}

static PAGE: LazyLock<String> = LazyLock::new(|| {
    aide::scalar::Scalar::new("/api/openapi.json")
        .with_title("Mooring API")
        .html()
});

/// The documentation page. Its script is part of the program and asks no other host; the policy
/// lets it load nothing from elsewhere either.
pub(crate) async fn docs() -> Response {
    let mut response = Html(Body::from(Bytes::from_static(PAGE.as_bytes()))).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    cached(response)
}

/// Until a page of its own stands there.
pub(crate) async fn landing() -> Html<&'static str> {
    Html(include_str!("landing.html"))
}

/// The same for everybody and for as long as the program runs.
fn cached(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    response
}
