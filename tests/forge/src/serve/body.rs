//! Bodies as they go out: whole, broken off, or in drops.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use crate::answer::Answer;

pub(super) type Outgoing = Response<UnsyncBoxBody<Bytes, io::Error>>;

pub(super) fn whole(answer: Answer) -> Outgoing {
    answer.map(|body| {
        let body = Full::new(body).map_err(|never: Infallible| match never {});
        body.boxed_unsync()
    })
}

/// Announces the full length and stops short of it, which closes the connection.
pub(super) fn broken_off(answer: Answer, keep: usize) -> Outgoing {
    announced(answer, |body| {
        let kept = body.slice(..keep.min(body.len()));
        let frames = stream::unfold(Some(kept), |kept| async move {
            if let Some(kept) = kept {
                return Some((Ok(Frame::data(kept)), None));
            }
            // The server writes out what it has when its body makes it wait.
            tokio::task::yield_now().await;
            Some((Err(io::ErrorKind::BrokenPipe.into()), None))
        });
        StreamBody::new(frames).boxed_unsync()
    })
}

/// Sends `chunk` bytes at a time.
pub(super) fn in_drops(answer: Answer, chunk: usize, pause: Duration) -> Outgoing {
    announced(answer, |body| {
        let drops = stream::unfold((body, false), move |(mut rest, began)| async move {
            if rest.is_empty() {
                return None;
            }
            if began {
                tokio::time::sleep(pause).await;
            }
            let drop = rest.split_to(chunk.clamp(1, rest.len()));
            Some((Ok(Frame::data(drop)), (rest, true)))
        });
        StreamBody::new(drops).boxed_unsync()
    })
}

fn announced(
    mut answer: Answer,
    body: impl FnOnce(Bytes) -> UnsyncBoxBody<Bytes, io::Error>,
) -> Outgoing {
    let length = HeaderValue::from(answer.body().len());
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer.map(body)
}
