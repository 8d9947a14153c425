//! Faults on demand, as data: which requests, how many of them, what happens instead.
//!
//! Two moments matter to a client and look the same to it: before the work is done and after. [`Action::Reset`] cuts the
//! connection before anything happened, [`Action::LoseAnswer`] after, when a rotation has already spent the old token.
//! Faults are tried in the order in which they were added, and the first that means the request has it for its own.

use std::hash::{DefaultHasher, Hash, Hasher};
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
    percent: Option<u8>,
    delay: Pause,
    answer_delay: Pause,
    action: Action,
}

/// How long something is held up.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    length: Duration,
    /// Anything from nothing to the length.
    random: bool,
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
            percent: None,
            delay: Pause::default(),
            answer_delay: Pause::default(),
            action,
        }
    }

    /// A delay and nothing else.
    pub fn delay(when: Match, by: Duration) -> Self {
        Self::on(when, Action::Proceed).delayed(by)
    }

    /// After a pause.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.delay = Pause {
            length: by,
            random: false,
        };
        self
    }

    /// After a pause of up to so long; see [`Fault::percent`] for what chance means.
    pub fn delayed_up_to(mut self, most: Duration) -> Self {
        self.delay = Pause {
            length: most,
            random: true,
        };
        self
    }

    /// Once the work is done, the answer takes up to so long.
    pub fn answered_within(mut self, most: Duration) -> Self {
        self.answer_delay = Pause {
            length: most,
            random: true,
        };
        self
    }

    /// Hits so many in a hundred of the requests it means; the others go on to the faults after it. Chance follows from
    /// the fault's id and the number of requests it has met, so a run can be had again.
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = Some(percent);
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
    /// Requests that it means.
    seen: u64,
    /// Those among them that chance picked.
    met: u64,
}

/// What a fault does to one request.
pub(crate) struct Struck {
    pub(crate) delay: Duration,
    pub(crate) answer_delay: Duration,
    pub(crate) action: Action,
}

impl Default for Struck {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            answer_delay: Duration::ZERO,
            action: Action::Proceed,
        }
    }
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> FaultId {
        let mut board = self.lock();
        board.next += 1;
        let id = FaultId(board.next);
        board.set.push(Armed {
            id,
            fault,
            seen: 0,
            met: 0,
        });
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
    pub(crate) fn strike(&self, request: &Request) -> Option<Struck> {
        let mut board = self.lock();
        for armed in &mut board.set {
            let spent = armed.fault.times.is_some_and(|times| armed.hits() >= times);
            if spent || !armed.fault.when.meets(request) {
                continue;
            }
            armed.seen += 1;
            if armed
                .fault
                .percent
                .is_some_and(|percent| armed.die(0) >= u64::from(percent))
            {
                continue;
            }
            armed.met += 1;
            if armed.met > armed.fault.skip {
                return Some(Struck {
                    delay: armed.pause(armed.fault.delay, 1),
                    answer_delay: armed.pause(armed.fault.answer_delay, 2),
                    action: armed.fault.action.clone(),
                });
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

    /// 0–99, another one for every request and use.
    fn die(&self, use_of_it: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.id, self.seen, use_of_it).hash(&mut hasher);
        hasher.finish() % 100
    }

    fn pause(&self, pause: Pause, use_of_it: u8) -> Duration {
        match pause.random {
            true => pause.length.mul_f64(self.die(use_of_it) as f64 / 100.0),
            false => pause.length,
        }
    }
}
