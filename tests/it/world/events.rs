//! A client of server-sent events, after the WHATWG's rules as far as they are used.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::Caller;

/// An open stream.
pub struct Events {
    response: reqwest::Response,
    buffer: String,
    /// What a browser would send as `Last-Event-ID`.
    pub last_id: Option<String>,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

impl Caller {
    /// Follows what happens, from an id on where there is one.
    pub async fn follow(&self, last_id: Option<&str>) -> Events {
        let mut call = self.call(Method::GET, "/events");
        if let Some(id) = last_id {
            call = call.header("last-event-id", id);
        }
        let response = call.begin().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Events {
            response,
            buffer: String::new(),
            last_id: last_id.map(str::to_owned),
        };
        if last_id.is_none() {
            while events.last_id.is_none() {
                assert!(events.block().await.expect("a first mark").is_none());
            }
        }
        events
    }
}

impl Events {
    /// The next event; `None` where the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.block().await? {
                return Some(event);
            }
        }
    }

    /// The next event that is looked for.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let seek = async {
            loop {
                let event = self.next().await.expect("the stream goes on");
                if wanted(&event) {
                    return event;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), seek).await;
        found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// Reads on to its end.
    pub async fn ended(&mut self) {
        let rest = async { while self.next().await.is_some() {} };
        let ended = tokio::time::timeout(Duration::from_secs(20), rest).await;
        ended.expect("the stream ends");
    }

    /// What lies between two blank lines; the outer `None` at the end.
    async fn block(&mut self) -> Option<Option<Event>> {
        let end = loop {
            if let Some(end) = self.buffer.find("\n\n") {
                break end;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        };
        let block: String = self.buffer.drain(..end + 2).collect();
        let (mut name, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("id", value)) => self.last_id = Some(value.to_owned()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(("" | "retry", _)) | None => {}
                Some(other) => panic!("{other:?} in {block:?}"),
            }
        }
        Some(data.map(|data| Event { name, data }))
    }
}
