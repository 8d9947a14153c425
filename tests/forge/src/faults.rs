//! Faults on demand, as data: which requests, how many of them, what happens instead.
//!
//! Two moments matter to a client and look the same to it: before the work is done and after. [`Action::Reset`] cuts the
//! connection before anything happened, [`Action::LoseAnswer`] after, when a rotation has already spent the old token.
//! Faults are tried in the order in which they were added, and the first that means the request has it for its own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::log::Request;
use crate::matching::Match;

/// Names a fault that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// Which requests fail, how often, and how.
#[derive(Clone, Debug)]
pub struct Fault {
    when: Match,
    skip: u64,
    times: Option<u64>,
    pub(crate) delay: Option<Duration>,
    pub(crate) action: Action,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Nothing but the fault's delay.
    Proceed,
    /// This answer, and the work is not done.
    Answer(Canned),
    /// This answer, after the work was done.
    AnswerAfterWork(Canned),
    /// The connection is reset before the work.
    Reset,
    /// The connection is reset after the work: the answer is lost.
    LoseAnswer,
    /// The true answer breaks off after so many bytes of its body, while its length was announced in full.
    Truncate(usize),
    /// The true answer under another content type.
    ContentType(String),
    /// The true answer in pieces of `chunk` bytes, `pause` apart.
    Drip {
        /// Bytes per piece.
        chunk: usize,
        /// Time between two pieces.
        pause: Duration,
    },
}

/// An answer made up in advance.
#[derive(Clone, Debug)]
pub struct Canned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Fault {
    /// Every request so described, from now on, without end.
    pub fn on(when: Match, action: Action) -> Self {
        Self {
            when,
            skip: 0,
            times: None,
            delay: None,
            action,
        }
    }

    /// A delay and nothing else.
    pub fn delay(when: Match, by: Duration) -> Self {
        Self::on(when, Action::Proceed).delayed(by)
    }

    /// After a pause.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.delay = Some(by);
        self
    }

    /// So many times, then no more.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// Once.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only after so many requests went through unharmed.
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }
}

impl Canned {
    /// With a header added.
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A JSON answer.
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: vec![(
                "content-type".to_owned(),
                "application/json; charset=utf-8".to_owned(),
            )],
            body: Bytes::from(body.to_string()),
        }
    }

    /// A page of HTML, as a proxy in the way or a sign-in form would give.
    pub fn html(status: u16) -> Self {
        let body = format!("<!doctype html><html><body><h1>{status}</h1></body></html>");
        Self::text(status, body).typed("text/html; charset=utf-8")
    }

    /// Plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: Bytes::from(body.into()),
        }
    }

    /// GitHub's secondary limit: 403 with `retry-after` and without a word on the primary budget.
    pub fn github_secondary_limit(retry_after_seconds: u64) -> Self {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let documentation = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits";
        Self::json(
            403,
            json!({ "message": message, "documentation_url": documentation }),
        )
        .header("retry-after", retry_after_seconds)
    }

    /// GitLab's throttle: 429 with `Retry-After` and a body that is no JSON.
    pub fn gitlab_throttle(retry_after_seconds: u64) -> Self {
        Self::text(429, "Retry later\n").header("retry-after", retry_after_seconds)
    }

    /// Azure DevOps' refusal of a user whose consumption is over the limit.
    pub fn azure_throttle(retry_after_seconds: u64) -> Self {
        let message = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource \
                       'Concurrency' in namespace 'User'.";
        Self::json(
            429,
            json!({ "$id": "1", "innerException": null, "message": message, "errorCode": 0, "eventId": 3000 }),
        )
        .header("retry-after", retry_after_seconds)
    }

    /// Azure DevOps' answer to a credential that it does not take: the sign-in page, as a success.
    pub fn azure_sign_in() -> Self {
        Self::html(203)
    }

    fn typed(mut self, content_type: &str) -> Self {
        self.headers = vec![("content-type".to_owned(), content_type.to_owned())];
        self
    }
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<Board>);

#[derive(Default)]
struct Board {
    next: u64,
    set: Vec<Armed>,
}

struct Armed {
    id: FaultId,
    fault: Fault,
    met: u64,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> FaultId {
        let mut board = self.lock();
        board.next += 1;
        let id = FaultId(board.next);
        board.set.push(Armed { id, fault, met: 0 });
        id
    }

    pub(crate) fn remove(&self, id: FaultId) {
        self.lock().set.retain(|armed| armed.id != id);
    }

    pub(crate) fn clear(&self) {
        self.lock().set.clear();
    }

    /// How many requests a fault has hit; 0 for one that was removed.
    pub(crate) fn hits(&self, id: FaultId) -> u64 {
        let board = self.lock();
        let armed = board.set.iter().find(|armed| armed.id == id);
        armed.map_or(0, |armed| armed.hits())
    }

    /// The fault that this request meets, counted.
    pub(crate) fn strike(&self, request: &Request) -> Option<Fault> {
        let mut board = self.lock();
        for armed in &mut board.set {
            let spent = armed.fault.times.is_some_and(|times| armed.hits() >= times);
            if spent || !armed.fault.when.meets(request) {
                continue;
            }
            armed.met += 1;
            if armed.met > armed.fault.skip {
                return Some(armed.fault.clone());
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn hits(&self) -> u64 {
        self.met.saturating_sub(self.fault.skip)
    }
}
