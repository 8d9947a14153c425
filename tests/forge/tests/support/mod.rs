//! What the tests of the faces share: a seeded forge, served, and a client that follows nothing.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod oauth;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use mooring_forge::{Forge, Running, Serve};
use reqwest::{Client, Response};
use serde_json::Value;

pub struct World {
    pub forge: Forge,
    pub at: Running,
    pub client: Client,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl World {
    pub async fn new(how: Serve) -> Self {
        let start = Utc.with_ymd_and_hms(2026, 1, 15, 12, 0, 0).single();
        let now = Arc::new(Mutex::new(start.expect("a valid date")));
        let hand = now.clone();
        let forge = Forge::new(
            Arc::new(move || *hand.lock().expect("no panic holds it")),
            7,
        );
        forge.add_user("ada");
        let at = forge.serve(how).await.expect("free ports");
        #[expect(
            clippy::disallowed_methods,
            reason = "the forge's own tests talk to it over bare HTTP"
        )]
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            forge,
            at,
            client,
            now,
        }
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.now.lock().expect("no panic holds it") += by;
    }

    pub async fn github(&self, token: &str, path: &str) -> Response {
        let url = match path.strip_prefix("http") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.at.github.api_url),
        };
        let request = self.client.get(url).bearer_auth(token);
        request.send().await.expect("an answer")
    }

    /// Asks Bitbucket as a user with an API token.
    pub async fn bitbucket(&self, token: &str, path: &str) -> Response {
        let request = self.client.get(self.bitbucket_url(path));
        let request = request.basic_auth("ada@example.com", Some(token));
        request.send().await.expect("an answer")
    }

    /// Asks Bitbucket with an access token or one of OAuth.
    pub async fn bitbucket_bearer(&self, token: &str, path: &str) -> Response {
        let request = self.client.get(self.bitbucket_url(path)).bearer_auth(token);
        request.send().await.expect("an answer")
    }

    fn bitbucket_url(&self, path: &str) -> String {
        match path.strip_prefix("http") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.at.bitbucket.api_url),
        }
    }

    pub async fn gitlab(&self, token: &str, path: &str) -> Response {
        let url = match path.strip_prefix("http") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.at.gitlab.api_url),
        };
        let request = self.client.get(url).header("private-token", token);
        request.send().await.expect("an answer")
    }
}

pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().expect("text"))
}

/// The address of a relation in a `Link` header.
pub fn link(answer: &Response, relation: &str) -> Option<String> {
    let mark = format!("rel=\"{relation}\"");
    let part = header(answer, "link")
        .split(", ")
        .find(|part| part.ends_with(&mark))?;
    Some(part[1..part.find('>')?].to_owned())
}

pub async fn body(answer: Response) -> Value {
    answer.json().await.expect("JSON")
}

pub async fn names(answer: Response, field: &str) -> Vec<String> {
    let body = body(answer).await;
    let rows = body.as_array().expect("a list").iter();
    rows.map(|row| row[field].as_str().expect("a name").to_owned())
        .collect()
}
