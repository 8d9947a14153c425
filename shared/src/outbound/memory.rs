//! Answers that are remembered for the next time that the same is asked.
//!
//! Needs: what people look at while they type must be true and must not cost the quota of their
//! syncs; many providers answer an unchanged thing with a word (304) that costs nothing.
//! Design: an [`Outbound`](super::Outbound) may have a memory, of one credential alone. What is read
//! through it is asked for by its ETag where an answer with one is remembered, and a 304 becomes that
//! answer, with the headers of now. Nothing is ever answered without asking.
//! Bounds: bytes and answers of a memory; what was not asked for longest goes first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::Requests;

/// Answers of one memory.
const MOST: usize = 64;
/// Bytes of one memory.
const MOST_BYTES: usize = 8 << 20;

/// Remembers answers of one credential at one provider: never to be shared between two.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<String, Remembered>,
    bytes: usize,
    turn: u64,
}

struct Remembered {
    etag: HeaderValue,
    headers: HeaderMap,
    body: Bytes,
    turn: u64,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("bytes", &self.bytes())
            .finish()
    }
}

impl Memory {
    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Asks for what is remembered by its ETag; the key under which an answer is to be kept, where it
    /// may be: whoever asks by an ETag of their own wants to know of a 304 themselves.
    pub(super) fn prepare(&self, request: &mut Request<Bytes>) -> Option<String> {
        let read = request.method() == Method::GET && request.body().is_empty();
        if !read || request.headers().contains_key(IF_NONE_MATCH) {
            return None;
        }
        let accept = request.headers().get(http::header::ACCEPT);
        let accept = accept.and_then(|value| value.to_str().ok());
        let key = format!("{} {}", accept.unwrap_or_default(), request.uri());
        let mut kept = self.lock();
        kept.turn += 1;
        let turn = kept.turn;
        if let Some(known) = kept.answers.get_mut(&key) {
            known.turn = turn;
            let etag = known.etag.clone();
            request.headers_mut().insert(IF_NONE_MATCH, etag);
        }
        Some(key)
    }

    /// The answer as it would be without a memory, remembered where it can be asked for again.
    pub(super) fn recall(&self, key: String, answer: Response<Bytes>) -> Response<Bytes> {
        let mut kept = self.lock();
        match answer.status() {
            StatusCode::NOT_MODIFIED => match kept.answers.get(&key) {
                Some(known) => known.renewed(&answer),
                // Forgotten while it was asked for.
                None => answer,
            },
            StatusCode::OK => {
                kept.forget(&key);
                if let Some(etag) = answer.headers().get(ETAG).cloned() {
                    kept.keep(key, etag, &answer);
                }
                answer
            }
            // What was there is not there now, or not for this caller.
            _ => {
                kept.forget(&key);
                answer
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, key: String, etag: HeaderValue, answer: &Response<Bytes>) {
        let size = answer.body().len() + key.len();
        if size > MOST_BYTES / 2 {
            return;
        }
        self.bytes += size;
        let remembered = Remembered {
            etag,
            headers: answer.headers().clone(),
            body: answer.body().clone(),
            turn: self.turn,
        };
        self.answers.insert(key, remembered);
        while self.answers.len() > MOST || self.bytes > MOST_BYTES {
            let oldest = self.answers.iter().min_by_key(|(_, known)| known.turn);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(gone) = self.answers.remove(key) {
            self.bytes -= gone.body.len() + key.len();
        }
    }
}

impl Remembered {
    /// What the body was, under the headers of now (RFC 9111, 3.2).
    fn renewed(&self, told: &Response<Bytes>) -> Response<Bytes> {
        let mut answer = Response::new(self.body.clone());
        *answer.headers_mut() = self.headers.clone();
        for (name, value) in told.headers() {
            let of_body = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING];
            if !of_body.contains(name) {
                answer.headers_mut().insert(name.clone(), value.clone());
            }
        }
        answer
            .extensions_mut()
            .insert(Requests(Requests::behind(told)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str) -> Request<Bytes> {
        Request::get(format!("https://host{path}"))
            .body(Bytes::new())
            .unwrap()
    }

    fn answer(status: u16, etag: Option<&str>, body: &str) -> Response<Bytes> {
        let mut answer = Response::builder().status(status);
        if let Some(etag) = etag {
            answer = answer.header(ETAG, etag);
        }
        let answer = answer.header("x-left", status.to_string());
        answer.body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn an_unchanged_answer_is_the_one_from_before_under_todays_headers() {
        let memory = Memory::default();
        let mut first = ask("/a");
        let key = memory.prepare(&mut first).unwrap();
        assert!(!first.headers().contains_key(IF_NONE_MATCH));
        memory.recall(key, answer(200, Some("\"1\""), "all"));
        let mut second = ask("/a");
        let key = memory.prepare(&mut second).unwrap();
        assert_eq!(second.headers()[IF_NONE_MATCH], "\"1\"");
        let told = memory.recall(key, answer(304, None, ""));
        assert_eq!(
            (told.status().as_u16(), &told.body()[..]),
            (200, &b"all"[..])
        );
        assert_eq!(told.headers()["x-left"], "304");
        // A refusal ends it.
        let key = memory.prepare(&mut ask("/a")).unwrap();
        memory.recall(key, answer(404, None, ""));
        let mut third = ask("/a");
        memory.prepare(&mut third);
        assert!(!third.headers().contains_key(IF_NONE_MATCH));
        assert_eq!(memory.bytes(), 0);
    }

    #[test]
    fn it_is_bounded_and_leaves_alone_who_asks_for_changes_or_changes_something() {
        let memory = Memory::default();
        for n in 0..200 {
            let key = memory.prepare(&mut ask(&format!("/{n}"))).unwrap();
            memory.recall(key, answer(200, Some("\"1\""), &"x".repeat(1 << 18)));
        }
        assert!(memory.bytes() <= MOST_BYTES);
        let mut last = ask("/199");
        memory.prepare(&mut last);
        assert!(last.headers().contains_key(IF_NONE_MATCH));
        let mut own = ask("/199");
        let theirs = HeaderValue::from_static("\"2\"");
        own.headers_mut().insert(IF_NONE_MATCH, theirs);
        assert_eq!(memory.prepare(&mut own), None);
        let mut post = ask("/199");
        *post.method_mut() = Method::POST;
        assert_eq!(memory.prepare(&mut post), None);
    }
}
