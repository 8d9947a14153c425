//! Sending deliveries as providers do.

use http::Method;
use mooring_forge::{Letter, Scheme};
use serde_json::{Value, json};

use crate::world::{Answer, Api, World};

/// A hook that is set up.
#[derive(Clone)]
pub struct Hook {
    pub api: Api,
    pub path: String,
    pub secret: String,
    pub scheme: Scheme,
    /// Headers beside those of the scheme.
    pub extra: Vec<(String, String)>,
}

impl Hook {
    /// Sends a letter, signed.
    pub async fn send(&self, letter: &Letter) -> Answer {
        self.send_with(letter, &letter.headers(self.scheme, &self.secret))
            .await
    }

    /// Sends it with these headers.
    pub async fn send_with(&self, letter: &Letter, headers: &[(String, String)]) -> Answer {
        let mut call = self.api.call(Method::POST, &self.path);
        for (name, value) in headers.iter().chain(&self.extra) {
            call = call.header(name, value);
        }
        call.raw_of_no_kind(letter.body.clone()).send().await
    }

    /// Sends a letter that must be accepted; the id of the delivery.
    pub async fn accepted(&self, letter: &Letter) -> String {
        let answer = self.send(letter).await.expect(202);
        assert_eq!(answer["status"], "accepted", "{answer}");
        answer["delivery_id"].as_str().unwrap().to_owned()
    }
}

/// Letters of one world, each with an id of its own.
pub struct Letters<'w>(pub &'w World);

impl Letters<'_> {
    pub fn letter(&self, id: &str, event: &str, body: &Value) -> Letter {
        Letter {
            id: id.to_owned(),
            event: event.to_owned(),
            body: body.to_string().into_bytes(),
            at: self.0.clock.now(),
        }
    }

    /// GitHub's `repository` event of a repository of the forge, dated so many seconds from now.
    pub fn repository(&self, id: &str, action: &str, repository: &Value, late: i64) -> Letter {
        let at = self.0.clock.now() + chrono::TimeDelta::seconds(late);
        let mut told = repository.clone();
        told["updated_at"] = json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let body =
            json!({ "action": action, "repository": told, "sender": { "id": 1, "login": "ada" } });
        self.letter(id, "repository", &body)
    }
}

/// A repository in GitHub's fields, from what the forge and the API say of it.
pub fn github_repository(stored: &Value) -> Value {
    json!({
        "id": stored["provider_repository_id"].as_str().unwrap().parse::<u64>().unwrap(),
        "name": stored["name"],
        "full_name": stored["full_name"],
        "html_url": stored["url"],
        "clone_url": stored["clone_url"],
        "ssh_url": stored["ssh_url"],
        "private": stored["private"],
        "default_branch": stored["default_branch"],
        "description": stored["description"],
        "archived": stored["archived"],
        "fork": stored["fork"],
    })
}
