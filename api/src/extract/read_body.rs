//! Reading a body within its bound.

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::problem::Problem;

/// The bound of this request's body, left by the edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge(pub usize);

impl TooLarge {
    pub(crate) fn problem(self) -> Problem {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body may have at most {} bytes.", self.0),
        )
    }
}

/// The whole body.
pub(crate) async fn read(body: Body, bound: TooLarge) -> Result<Bytes, Problem> {
    match Limited::new(body, bound.0).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(bound.problem()),
        Err(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "body_incomplete",
            "The body ended before it was whole. Send it again.",
        )),
    }
}
