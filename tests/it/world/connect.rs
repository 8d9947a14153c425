//! Connections over HTTP.

use mooring_forge::TokenSpec;
use serde_json::{Value, json};

use super::{Caller, World, until};

impl World {
    /// A GitLab account with so many projects and a token for it.
    pub fn gitlab_account(&self, login: &str, repositories: usize) -> String {
        self.forge.add_user(login);
        self.forge.add_repositories(login, repositories);
        self.forge.mint(TokenSpec::gitlab(login))
    }
}

impl Caller {
    /// The body of a connection by a token.
    pub fn body(provider: &str, token: &str) -> Value {
        json!({ "name": format!("{provider} of ours"), "provider": provider, "auth_method": "pat", "api_token": token })
    }

    /// Connects by a token; the id.
    pub async fn connect(&self, provider: &str, token: &str) -> String {
        let made = self
            .post("/git-connections", Self::body(provider, token))
            .await
            .expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// The connection as it stands.
    pub async fn connection(&self, id: &str) -> Value {
        self.get(&format!("/git-connections/{id}"))
            .await
            .expect(200)
    }

    /// Connects and waits for the first sync.
    pub async fn connect_and_sync(&self, provider: &str, token: &str) -> String {
        let id = self.connect(provider, token).await;
        self.synced(&id).await;
        id
    }

    /// Waits until a first sync has completed and its job has ended: until then a second call
    /// would answer the first one's job.
    pub async fn synced(&self, id: &str) {
        until("a first sync", || async {
            let connection = self.connection(id).await;
            if connection["last_synced_at"].is_null() {
                return None;
            }
            let jobs = self.get(&format!("/jobs?connection_id={id}")).await;
            let open = |job: &Value| matches!(job["status"].as_str(), Some("queued" | "running"));
            let jobs = jobs.expect(200);
            (!jobs["jobs"].as_array().unwrap().iter().any(open)).then_some(())
        })
        .await;
    }

    /// Asks for a sync and waits for its end; the job.
    pub async fn sync(&self, id: &str) -> Value {
        let answer = self
            .post(&format!("/git-connections/{id}/sync"), json!({}))
            .await;
        answer.expect(202);
        let location = answer.header("location").unwrap().to_owned();
        self.job_ended(&location).await
    }

    /// Waits for the end of the job at this path.
    pub async fn job_ended(&self, path: &str) -> Value {
        until("a job's end", || async {
            let job = self.get(path).await.expect(200);
            let open = matches!(job["status"].as_str(), Some("queued" | "running"));
            (!open).then_some(job)
        })
        .await
    }
}
