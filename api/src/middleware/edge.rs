//! The outermost layer: id, span, bounds, the rendering of problems, headers, figures.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::StatusCode;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::request_id::CallId;
use super::{body_limit, security_headers};
use crate::extract::TooLarge;
use crate::problem::Problem;
use crate::route::{Access, Route};
use crate::router;
use crate::state::ApiState;

/// The other end of the connection, in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub IpAddr);

/// Ends the connection that a request came over, in its extensions: for a client that takes nothing
/// any more.
#[derive(Clone, Debug)]
pub(crate) struct LineEnd(pub CancellationToken);

/// Around everything.
pub(crate) async fn edge(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = CallId::of(request.headers(), &state.context.clock);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .and_then(|path| router::table().find(request.method(), path.as_str()));
    let span = tracing::info_span!(
        "request",
        request_id = %id.0,
        method = %request.method(),
        route = route.map_or("", |route| route.path.as_str()),
        caller = tracing::field::Empty,
        organization = tracing::field::Empty,
        status = tracing::field::Empty,
        milliseconds = tracing::field::Empty,
    );
    if let Some(route) = route {
        request.extensions_mut().insert(route);
    }
    request.extensions_mut().insert(id.clone());
    let uri = request.uri().clone();

    let response = answer(&state, route, request, next)
        .instrument(span.clone())
        .await;
    let mut response = rendered(&state, response, uri.path(), &id);
    security_headers::put(response.headers_mut());
    id.put(response.headers_mut());

    let took = began.elapsed();
    let status = response.status().as_u16();
    if let Some(route) = route {
        state.metrics.observe(route.index, status, took);
    }
    span.record("status", status);
    span.record(
        "milliseconds",
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    );
    span.in_scope(|| tracing::debug!("answered"));
    response
}

/// The inner answer, within the bounds of size and time, whatever happens in it.
async fn answer(
    state: &ApiState,
    route: Option<&Route>,
    mut request: Request,
    next: Next,
) -> Response {
    let bound = TooLarge(match route.map(|route| route.access) {
        Some(Access::Provider) => state.settings.max_delivery,
        _ => state.settings.max_body,
    });
    if let Err(problem) = body_limit::check(&mut request, bound).await {
        return problem.into_response();
    }
    let guarded = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(state.settings.timeout, guarded).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(panic = what(&*panic), "a handler panicked");
            Problem::internal().into_response()
        }
        Err(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "The call took too long and was ended. Whether it had an effect shows in the resource itself.",
        )
        .into_response(),
    }
}

/// Panics of ours say what was expected, never what a caller sent.
fn what(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// A problem becomes its document; every other answer stays as it is.
pub(super) fn rendered(state: &ApiState, response: Response, path: &str, id: &CallId) -> Response {
    let Some(problem) = response.extensions().get::<Arc<Problem>>() else {
        return response;
    };
    let mut rendered = problem.render(path, &id.0, state.context.clock.now());
    // `Allow` of a 405 was set by the router.
    if let Some(allow) = response.headers().get(http::header::ALLOW) {
        rendered
            .headers_mut()
            .insert(http::header::ALLOW, allow.clone());
    }
    rendered
}
