//! Answers, and the questions they answer, as plain values: no face knows about sockets.

use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use crate::model::TokenId;
use crate::query::Query;

pub(crate) type Answer = Response<Bytes>;

/// A request as a face sees it, its path cut at the API's root.
pub(crate) struct Asked {
    pub(crate) sequence: u64,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Where the API and the web pages are, as the answers shall say.
    pub(crate) base: Base,
}

/// The addresses that answers are full of, without a slash at the end.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) api: String,
    pub(crate) web: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The path's segments in their plain form.
    pub(crate) fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts
            .map(|part| crate::query::decoded(part).into_owned())
            .collect()
    }

    /// The parameters of the query and of a form in the body.
    pub(crate) fn parameters(&self) -> Query {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let form = kind.starts_with("application/x-www-form-urlencoded");
        let body = std::str::from_utf8(&self.body).ok().filter(|_| form);
        self.query.and(Query::parse(body.unwrap_or_default()))
    }

    /// HEAD asks what GET would answer.
    pub(crate) fn is_get(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

pub(crate) fn json(status: u16, body: &Value) -> Answer {
    // Of a value with string keys; the writer is memory.
    let body = serde_json::to_vec(body).unwrap_or_default();
    bytes(status, "application/json; charset=utf-8", body)
}

pub(crate) fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    set(&mut answer, CONTENT_TYPE.as_str(), content_type);
    answer
}

/// Sets a header; one that HTTP cannot carry is left out.
pub(crate) fn set(answer: &mut Answer, name: &str, value: impl ToString) {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_str(&value.to_string());
    if let (Ok(name), Ok(value)) = (name, value) {
        answer.headers_mut().insert(name, value);
    }
}

/// The token that an answer hands out, left in it for the log.
#[derive(Clone, Copy)]
pub(crate) struct Issues(pub(crate) TokenId);

/// Leaves in an answer which token it hands out.
pub(crate) fn issuing(mut answer: Answer, token: TokenId) -> Answer {
    answer.extensions_mut().insert(Issues(token));
    answer
}

/// Gives an answer its ETag, where it has none.
pub(crate) fn tagged(mut answer: Answer) -> Answer {
    if !answer.headers().contains_key(ETAG) {
        // Pages are long and tests are built without optimization: this hash is the one that is fast there.
        let mut hasher = DefaultHasher::new();
        hasher.write(answer.body());
        set(
            &mut answer,
            ETAG.as_str(),
            format!("W/\"{:064x}\"", hasher.finish()),
        );
    }
    answer
}

/// Gives a good answer its ETag, and makes it a 304 where the client has it already.
pub(crate) fn revalidate(asked: &Asked, answer: Answer) -> Answer {
    if !asked.is_get() || answer.status() != StatusCode::OK {
        return answer;
    }
    let mut answer = tagged(answer);
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.unwrap_or_default().trim_start_matches("W/");
    let held = asked.header(IF_NONE_MATCH.as_str()).unwrap_or_default();
    let known = held
        .split(',')
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/") == tag);
    if known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Bytes::new();
        answer.headers_mut().remove(CONTENT_TYPE);
    }
    answer
}
