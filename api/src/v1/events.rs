//! What happens, as a stream of server-sent events (WHATWG HTML, section 9.2).
//!
//! A client costs a task with a bounded queue of texts that all clients share, and no connection of
//! the database. Its stream ends with its token or its permission, with the server, where it lags
//! too far behind, or where it takes so little that its queue stays full: then the line is cut, for
//! the rest of it would wait for ever. (Who takes nothing at all is cut as everywhere, by
//! [`crate::stall`].) Whoever comes back with the last id goes on where it stood.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as Documented, SchemaObject};
use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use shared::domain::job::Job;
use shared::flows::events::{Begin, Mark, News, StatusChange, Subscription};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::error::ApiError;
use crate::extract::Permitted;
use crate::middleware::{LineEnd, Standing};
use crate::route::Doc;
use crate::state::ApiState;

/// A comment this often, so that neither side nor anything in between takes the line for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Whether the caller would still be let in is asked this often.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Texts that wait for the client.
const QUEUE: usize = 8;
/// When the client should come back, in milliseconds.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

pub(crate) const FOLLOW: Doc = Doc {
    id: "follow_events",
    tag: "Jobs",
    summary: "Follow what happens",
    description: "A stream of server-sent events. `job`: a job that is new, moved or made progress, as it stands then, in the shape of `GET …/jobs/{job_id}`. `connection.status_changed`: `connection_id`, `connection_name`, `from`, `to`, `code`, `at`. `reset`: more happened than is told here; read anew what you show.\n\nOpen the stream first and read what you show after. Send the last `id` as `Last-Event-ID` to go on where you stood, at any process; `EventSource` does so by itself. Every event is a whole state and may come twice; of several changes within half a second the last is told. The stream ends with your token, and where you read too slowly.",
    problems: &[],
};

/// The stream.
pub(crate) struct Events(mpsc::Receiver<Bytes>);

pub(crate) async fn follow(
    State(state): State<ApiState>,
    Permitted(permit): Permitted,
    standing: Standing,
    LastEventId(begin): LastEventId,
    line: Option<Extension<LineEnd>>,
) -> Result<Events, ApiError> {
    let subscription = state.feed.follow(permit.organization(), begin).await?;
    let (texts, queue) = mpsc::channel(QUEUE);
    let follower = Follower {
        texts,
        line: line.map(|Extension(line)| line),
        state: state.clone(),
    };
    state.tasks.spawn(follower.run(standing, subscription));
    Ok(Events(queue))
}

/// Where the client stood.
pub(crate) struct LastEventId(Begin);

impl OperationInput for LastEventId {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        operation.parameters.push(crate::openapi::text_header(
            "Last-Event-ID",
            "The last `id` that arrived: what happened after it is told first.",
            json_schema!({ "type": "string" }),
        ));
    }
}

impl FromRequestParts<ApiState> for LastEventId {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Infallible> {
        let given = parts.headers.get("last-event-id").map(HeaderValue::to_str);
        Ok(Self(match given {
            None | Some(Ok("")) => Begin::Now,
            // What is none of ours is answered as if too much had happened.
            Some(text) => text
                .ok()
                .and_then(|text| text.parse().ok())
                .map_or(Begin::Unknown, Begin::Mark),
        }))
    }
}

struct Follower {
    texts: mpsc::Sender<Bytes>,
    line: Option<LineEnd>,
    state: ApiState,
}

impl Follower {
    /// Until one of the two sides has enough.
    async fn run(self, standing: Standing, mut subscription: Subscription) {
        let now = Instant::now();
        let mut heartbeat = interval_at(now + HEARTBEAT, HEARTBEAT);
        let mut ask = interval_at(now + ASK_AGAIN, ASK_AGAIN);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if !self.send(RETRY).await {
            return;
        }
        let mut text = Some(subscription.first.clone());
        loop {
            if let Some(text) = text.take()
                && !self.send(text).await
            {
                return;
            }
            tokio::select! {
                () = self.state.ending.cancelled() => return,
                () = self.texts.closed() => return,
                news = subscription.next() => match news {
                    Ok(news) => text = Some(news),
                    Err(lost) => {
                        tracing::debug!(%lost, "a stream of events ends");
                        return;
                    }
                },
                _ = ask.tick() => if !standing.holds(&self.state).await {
                    return;
                },
                _ = heartbeat.tick() => text = Some(beat(subscription.mark())),
            }
        }
    }

    /// Whether the client took it, or has room for it.
    async fn send(&self, text: Bytes) -> bool {
        let sent = tokio::select! {
            sent = timeout(self.state.settings.patience, self.texts.send(text)) => sent,
            // What waits is not taken; the line would hold up the end.
            () = self.state.ending.cancelled() => {
                self.cut();
                return false;
            }
        };
        if sent.is_err() {
            self.cut();
        }
        matches!(sent, Ok(Ok(())))
    }

    fn cut(&self) {
        if let Some(line) = &self.line {
            line.0.cancel();
        }
    }
}

fn beat(mark: Option<Mark>) -> Bytes {
    match mark {
        Some(mark) => format!(": still here\nid: {mark}\n\n").into(),
        None => Bytes::from_static(b": still here\n\n"),
    }
}

/// News as events. Each carries the mark before them all, so that a stream that breaks among them
/// is resumed before the first; the last line is the mark after them, which is no event.
pub(crate) fn written(news: &News, before: Mark, after: Mark) -> Bytes {
    let mut out = String::with_capacity(256 + news.jobs.len() * 768);
    if news.truncated {
        event(&mut out, "reset", before, &serde_json::Map::new());
    }
    for job in &news.jobs {
        event(&mut out, "job", before, job);
    }
    for change in &news.statuses {
        event(&mut out, "connection.status_changed", before, change);
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "id: {after}\n\n");
    out.into()
}

/// JSON has no line break outside its strings, and none inside that is not escaped.
fn event<T: Serialize>(out: &mut String, name: &str, id: Mark, data: &T) {
    match serde_json::to_string(data) {
        Ok(data) => {
            let _ = write!(out, "event: {name}\nid: {id}\ndata: {data}\n\n");
        }
        Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let texts = stream::unfold(self.0, |mut queue| async move {
            let text = queue.recv().await?;
            Some((Ok::<_, Infallible>(text), queue))
        });
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            ),
            // nginx would hold events back until its buffer is full.
            (
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ),
        ];
        (headers, Body::from_stream(texts)).into_response()
    }
}

/// What the data of an event is.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the description alone")]
enum EventData {
    Job(Box<Job>),
    Status(StatusChange),
}

impl aide::OperationOutput for Events {
    type Inner = String;
    fn inferred_responses(
        context: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<u16>, Documented)> {
        let data = context.schema.subschema_for::<EventData>();
        let schema = json_schema!({ "type": "string", "contentMediaType": "text/event-stream", "contentSchema": data });
        let media = MediaType {
            schema: Some(SchemaObject {
                json_schema: schema,
                external_docs: None,
                example: None,
            }),
            ..MediaType::default()
        };
        let mut response = Documented {
            description: "Events, as they happen; a comment every 15 seconds.".to_owned(),
            ..Documented::default()
        };
        response
            .content
            .insert("text/event-stream".to_owned(), media);
        vec![(Some(200), response)]
    }
}
