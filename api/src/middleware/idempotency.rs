//! `Idempotency-Key`: a changing call is done once, however often it is sent.
//!
//! The call runs in a task of its own, so that a client that hangs up cannot end it between the
//! change and the keeping of its answer. Answers that a repeat may mend (5xx, 429) give the key
//! back; all others are kept, with secrets that were shown once as `null`.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::TimeDelta;
use http::header::{self, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use shared::domain::ids::OrganizationId;
use shared::flows::idempotency::{self as flow, Answer, Key, Standing};
use tracing::Instrument;

use super::edge::rendered;
use super::request_id::CallId;
use crate::error::ApiError;
use crate::extract::{Admitted, TooLarge, read};
use crate::problem::Problem;
use crate::reply::Kept;
use crate::state::ApiState;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Headers that are kept with an answer.
const KEPT: [HeaderName; 2] = [header::CONTENT_TYPE, header::LOCATION];

/// Runs a call that carries a key, or answers what it answered before.
pub(super) async fn once(
    state: &ApiState,
    admitted: &Admitted,
    request: Request,
    next: Next,
) -> Response {
    let prepared = prepare(state, admitted, request).await;
    let (key, request, standing) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error.into_response(),
    };
    match standing {
        Standing::First => {
            let (state, span) = (state.clone(), tracing::Span::current());
            let tasks = state.tasks.clone();
            let call = run(state, key, request, next).instrument(span);
            tasks.spawn(call).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a call with an idempotency key died");
                Problem::internal().into_response()
            })
        }
        Standing::Mismatch => Problem::new(
            StatusCode::CONFLICT,
            "idempotency_mismatch",
            "This Idempotency-Key was used for another request. Use a new key for a new request.",
        )
        .into_response(),
        Standing::UnderWay => Problem::new(
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "The first call with this Idempotency-Key is still under way. Repeat this one in a moment.",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        .into_response(),
        Standing::Answered(answer) => replay(answer),
    }
}

async fn prepare(
    state: &ApiState,
    admitted: &Admitted,
    request: Request,
) -> Result<(Key, Request, Standing), ApiError> {
    let text = key_of(&request)?;
    let (parts, body) = request.into_parts();
    let bytes = read(body, TooLarge(state.settings.max_body)).await?;
    let digest = digest(parts.method.as_str(), &parts.uri, &bytes);
    let key = Key {
        organization: admitted
            .permit
            .as_ref()
            .map_or(OrganizationId::PLATFORM, |permit| permit.organization()),
        caller: admitted.caller.id(),
        text,
    };
    let longest = TimeDelta::from_std(state.settings.timeout).unwrap_or(TimeDelta::minutes(1));
    let standing = flow::take(&state.context, &key, &digest, longest).await?;
    Ok((key, Request::from_parts(parts, Body::from(bytes)), standing))
}

fn key_of(request: &Request) -> Result<String, Problem> {
    request
        .headers()
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|text| (1..=255).contains(&text.len()))
        .map(str::to_owned)
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "An Idempotency-Key has 1 to 255 visible ASCII characters.",
            )
        })
}

fn digest(method: &str, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method, uri.path(), uri.query().unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().into()
}

async fn run(state: ApiState, key: Key, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let id = request.extensions().get::<CallId>().cloned();
    let response = next.run(request).await;
    let response = match id {
        Some(id) => rendered(&state, response, uri.path(), &id),
        None => response,
    };
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        give_back(&state, &key).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be read");
            give_back(&state, &key).await;
            return Problem::internal().into_response();
        }
    };
    let shown_later = parts.extensions.get::<Kept>().map(|kept| kept.0.clone());
    let headers: Vec<(&str, &str)> = KEPT
        .iter()
        .filter_map(|name| Some((name.as_str(), parts.headers.get(name)?.to_str().ok()?)))
        .collect();
    let answer = Answer {
        status: status.as_u16(),
        headers: serde_json::json!(headers),
        body: shown_later.unwrap_or_else(|| bytes.clone()).to_vec(),
    };
    if let Err(error) = flow::keep(&state.context, &key, &answer).await {
        tracing::error!(%error, "an answer could not be kept under its idempotency key");
    }
    Response::from_parts(parts, Body::from(bytes))
}

async fn give_back(state: &ApiState, key: &Key) {
    if let Err(error) = flow::release(&state.context, key).await {
        tracing::warn!(%error, "an idempotency key could not be given back; it frees itself");
    }
}

fn replay(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: Vec<(String, String)> = serde_json::from_value(answer.headers).unwrap_or_default();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
