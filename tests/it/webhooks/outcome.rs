//! Pushes whose effect can be counted: each of a branch of its own in a connected repository, so that
//! it is told outside once or it was lost, or acted twice.

use std::collections::BTreeMap;

use mooring_forge::{Letter, Scheme};
use serde_json::{Value, json};

use super::Hook;
use super::send::github_repository;
use crate::world::{Api, World, until};

/// A connected repository, and the hook of its connection.
#[derive(Clone)]
pub struct Target {
    pub hook: Hook,
    repository: Value,
}

impl Target {
    /// Connects and syncs, so a worker must be there.
    pub async fn set(w: &World) -> Self {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let connection = owner.connect_and_sync("github", &token).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        let body = json!({ "connection_id": connection, "full_name": stored["full_name"],
            "sast_enabled": true, "sca_enabled": true });
        owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        Self {
            hook: owner.hook(&connection, Scheme::GitHub).await,
            repository: github_repository(&stored),
        }
    }

    /// The push of this number.
    pub fn push(&self, w: &World, number: usize) -> Letter {
        let push = json!({ "ref": format!("refs/heads/b{number}"), "before": "0", "after": format!("a{number}"),
            "repository": self.repository });
        Letter {
            id: format!("delivery-{number}"),
            event: "push".to_owned(),
            body: push.to_string().into_bytes(),
            at: w.clock.now(),
        }
    }

    /// Sends a letter to an API; the delivery's id and status where it was answered 202, whatever else
    /// may have come.
    pub async fn answered(&self, api: &Api, letter: &Letter) -> Option<(String, String)> {
        let client = crate::world::http_client();
        let mut request = client
            .post(format!("{}{}", api.base, self.hook.path))
            .body(letter.body.clone());
        for (name, value) in letter.headers(self.hook.scheme, &self.hook.secret) {
            request = request.header(name, value);
        }
        let answer = request.send().await.ok()?;
        if answer.status() != 202 {
            return None;
        }
        let body: Value = answer.json().await.ok()?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some((text("delivery_id")?, text("status")?))
    }
}

impl World {
    /// What was accepted is stored and nothing else is, all of it handled, each told outside once.
    pub async fn acted_once(&self, mut accepted: Vec<String>) {
        accepted.sort();
        let rows = || async {
            let mut tx = self.context.db.tenant(self.organization).await.unwrap();
            let rows: Vec<(String, i16)> =
                sqlx::query_as("SELECT id::text, status FROM webhook_deliveries ORDER BY id::text")
                    .fetch_all(&mut *tx)
                    .await
                    .unwrap();
            rows
        };
        until("the last delivery's end", || async {
            let ended = rows().await.iter().all(|(_, status)| *status != 0);
            ended.then_some(())
        })
        .await;
        let rows = rows().await;
        assert!(rows.iter().all(|(_, status)| *status == 1), "{rows:?}");
        let ids: Vec<String> = rows.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, accepted);
        let mut tx = self.context.db.tenant(self.organization).await.unwrap();
        let told: Vec<Value> =
            sqlx::query_scalar("SELECT data FROM outbox_events WHERE type = 'branch.synchronized'")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        for data in &told {
            let id = data["delivery_id"].as_str().unwrap().to_owned();
            *of.entry(id).or_default() += 1;
        }
        assert!(of.len() == accepted.len() && of.values().all(|times| *times == 1));
    }
}
