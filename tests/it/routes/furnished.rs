//! An organization, or the platform, with one of everything that a path can name.

use std::collections::HashMap;

use api::Route;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, Caller, World};

/// Values of path parameters.
pub struct Place {
    values: HashMap<&'static str, String>,
    /// Full name of a repository that its connection sees.
    full_name: String,
}

impl Place {
    /// The world's own organization.
    pub async fn organization(w: &World) -> Self {
        let owner = w.owner();
        let token = w.github_account("route-octo", 2);
        let mut place = Self::of(&owner, &token).await;
        let user = Uuid::from_u128(0x77);
        let member = owner
            .put(&format!("/members/{user}"), json!({ "role": "member" }))
            .await;
        member.expect(201);
        place.values.insert("user_id", user.to_string());
        place
            .values
            .insert("organization_id", w.organization.to_string());
        place
    }

    /// The platform.
    pub async fn platform(w: &World) -> Self {
        let token = w.gitlab_account("route-tanuki", 2);
        Self::of(&w.admin(), &token).await
    }

    async fn of(caller: &Caller, token: &str) -> Self {
        let provider = if token.starts_with("ghp_") {
            "github"
        } else {
            "gitlab"
        };
        let connection = caller.connect_and_sync(provider, token).await;
        let repository = first(caller, "/repositories", "repositories").await;
        let body = json!({ "connection_id": connection, "full_name": repository["full_name"],
            "sast_enabled": true, "sca_enabled": false });
        let connected = caller
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let body = json!({ "name": "one", "permissions": ["org.jobs.list"] });
        let token = caller.post("/api-tokens", body).await.expect(201);
        let body = json!({ "provider": "gitlab", "client_id": "id", "client_secret": "secret" });
        let config = caller.post("/git-provider-configs", body).await.expect(201);
        let job = first(caller, "/jobs", "jobs").await;
        let lend = json!({ "purpose": "a test" });
        let path = format!("/git-connections/{connection}/credentials");
        let lease = caller.post(&path, lend).await.expect(201);
        let delivery = delivered(caller, &connection, provider).await;
        let values = [
            ("connection_id", json!(connection)),
            ("lease_id", lease["lease_id"].clone()),
            ("repository_id", repository["id"].clone()),
            ("connected_repository_id", connected["id"].clone()),
            ("token_id", token["id"].clone()),
            ("config_id", config["id"].clone()),
            ("provider", json!("gitlab")),
            ("job_id", job["id"].clone()),
            ("delivery_id", json!(delivery)),
        ];
        let text = |value: Value| value.as_str().unwrap().to_owned();
        Self {
            values: values.map(|(name, value)| (name, text(value))).into(),
            full_name: text(repository["full_name"].clone()),
        }
    }

    /// A path with its parameters filled in.
    pub fn fill(&self, path: &str) -> String {
        let parts: Vec<&str> = path
            .split('/')
            .map(|part| match part.strip_prefix('{') {
                None => part,
                Some(name) => match self.values.get(name.trim_end_matches('}')) {
                    Some(value) => value,
                    None => panic!("{path} names something that is not furnished"),
                },
            })
            .collect();
        let path = parts.join("/");
        if path.ends_with("/branches") {
            return format!("{path}?repo={}", self.full_name);
        }
        path
    }

    /// The route, called by somebody with nothing in the body.
    pub async fn call(&self, route: &Route, caller: &Caller) -> Answer {
        let path = self.fill(&route.path);
        let call = caller.api.call(route.method.clone(), &path);
        call.token(&caller.token).send().await
    }
}

async fn first(caller: &Caller, path: &str, plural: &str) -> Value {
    let list = caller.get(path).await.expect(200);
    list[plural][0].clone()
}

/// A delivery to the connection's hook.
async fn delivered(caller: &Caller, connection: &str, provider: &str) -> String {
    let (scheme, event) = match provider {
        "github" => (mooring_forge::Scheme::GitHub, "star"),
        _ => (mooring_forge::Scheme::GitLabToken, "Note Hook"),
    };
    let hook = caller.hook(connection, scheme).await;
    let letter = mooring_forge::Letter {
        id: "furnished".to_owned(),
        event: event.to_owned(),
        body: b"{}".to_vec(),
        at: chrono::DateTime::UNIX_EPOCH,
    };
    let id = hook.accepted(&letter).await;
    caller.delivery_handled(&id).await;
    id
}
