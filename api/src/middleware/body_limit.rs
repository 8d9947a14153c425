//! Bodies that say themselves that they are too large are refused before they are read.
//!
//! A client that is still sending when the answer comes and the connection closes may never see
//! the answer. So what is on its way is read and dropped, up to a bound, unless the client asked
//! first (`Expect: 100-continue`).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http::header;
use http_body_util::BodyExt;

use crate::extract::TooLarge;
use crate::problem::Problem;

/// Most bytes that are read to be dropped.
const MAX_DRAINED: usize = 16 * 1024 * 1024;
/// Longest time that is spent on it.
const MAX_DRAINING: Duration = Duration::from_secs(3);

/// The refusal of a body that is longer than `bound` by its own word.
pub(super) async fn check(request: &mut Request, bound: TooLarge) -> Result<(), Problem> {
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if length.is_none_or(|length| length <= bound.0 as u64) {
        return Ok(());
    }
    if !request.headers().contains_key(header::EXPECT) {
        let body = std::mem::take(request.body_mut());
        let _ = tokio::time::timeout(MAX_DRAINING, drain(body)).await;
    }
    Err(bound.problem().header(
        header::CONNECTION,
        header::HeaderValue::from_static("close"),
    ))
}

async fn drain(mut body: Body) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, bytes::Bytes::len);
        if seen > MAX_DRAINED {
            return;
        }
    }
}
