//! A small HTTP client: a call, its answer, and what tests ask of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::Api;

/// A call that is being put together.
pub struct Call {
    request: reqwest::RequestBuilder,
    transcript: Arc<Mutex<Vec<u8>>>,
    said: String,
    base: String,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    /// Method and path of the call, for messages.
    said: String,
    base: String,
}

impl Api {
    /// A call to a path of this API.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call {
            said: format!("{method} {path}"),
            request: self.http.request(method, format!("{}{path}", self.base)),
            transcript: self.transcript.clone(),
            base: self.base.clone(),
        }
    }

    /// A GET without a credential.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }
}

impl Call {
    pub fn token(mut self, token: &str) -> Self {
        self.request = self.request.bearer_auth(token);
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// These bytes, said to be JSON.
    pub fn raw(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self
            .request
            .header("content-type", "application/json")
            .body(body);
        self
    }

    /// These bytes, of whatever kind the headers say.
    pub fn raw_of_no_kind(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// A header that may be no text.
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// The answer with its body unread.
    pub async fn begin(self) -> reqwest::Response {
        self.request.send().await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let response = match self.request.send().await {
            Ok(response) => response,
            Err(error) => panic!("{}: {error:?}", self.said),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream of events has no end: its head is the answer.
        let endless = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        let bytes = if endless {
            Bytes::new()
        } else {
            response.bytes().await.unwrap()
        };
        let mut transcript = self.transcript.lock().unwrap();
        transcript.extend_from_slice(format!("\n{} {status}\n{headers:?}\n", self.said).as_bytes());
        transcript.extend_from_slice(&bytes);
        drop(transcript);
        Answer {
            status,
            headers,
            bytes,
            said: self.said,
            base: self.base,
        }
    }
}

impl Answer {
    /// The body; null where it is empty.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        match serde_json::from_slice(&self.bytes) {
            Ok(value) => value,
            Err(error) => panic!("no JSON ({error}): {self}"),
        }
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }

    /// The body of a problem that must have this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{self}");
        body
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where the `Link` header leads, as a path of the same API.
    #[track_caller]
    pub fn link(&self, relation: &str) -> Option<String> {
        let wanted = format!("rel=\"{relation}\"");
        let link = self
            .header("link")?
            .split(", <")
            .find(|part| part.contains(&wanted))?;
        let url = link.trim_start_matches('<').split('>').next().unwrap();
        let path = url.strip_prefix(&self.base);
        assert!(path.is_some(), "{url} is none of {}", self.base);
        path.map(str::to_owned)
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.bytes);
        write!(f, "{} answered {}: {body}", self.said, self.status)
    }
}
