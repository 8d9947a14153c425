//! Webhooks in: what is believed, that it is stored once, and what it does.

mod apps;
mod dedupe;
mod downtime;
mod effects;
mod flushed;
mod fuzz;
mod hook_lists;
mod hook_standing;
mod killed;
mod outcome;
mod recover;
mod refused;
mod register;
mod register_on;
mod seen;
mod send;
mod slow;
mod undated;
mod waits;

use mooring_forge::{Scheme, TokenSpec};
use serde_json::{Value, json};

pub use send::{Hook, Letters};

use crate::world::{Caller, World, until};

/// An owner, a synced GitHub connection of theirs, and its hook.
async fn hooked(w: &World) -> (Caller, String, Hook) {
    let owner = w.owner();
    let token = w.github_account("octo", 1);
    let id = owner.connect_and_sync("github", &token).await;
    let hook = owner.hook(&id, Scheme::GitHub).await;
    (owner, id, hook)
}

impl Caller {
    /// A connection at a provider, of an account that nobody else has.
    pub async fn any_connection(&self, w: &World, provider: &str) -> String {
        let login = format!("hooked-{}", provider.replace('_', "-"));
        w.forge.add_user(&login);
        w.forge.add_repositories(&login, 1);
        let token = w.forge.mint(match provider {
            "github" => TokenSpec::classic(&login).scopes(["repo", "read:org"]),
            "gitlab" => TokenSpec::gitlab(&login),
            "bitbucket" => TokenSpec::bitbucket(&login),
            _ => TokenSpec::azure(&login),
        });
        let mut body = Self::body(provider, &token);
        match provider {
            "bitbucket" => body["username"] = json!(format!("{login}@example.com")),
            "azure_devops" => body["azure_organization"] = json!(login),
            _ => {}
        }
        let made = self.post("/git-connections", body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes the secret of a connection's hook.
    pub async fn hook(&self, connection: &str, scheme: Scheme) -> Hook {
        let path = format!("/git-connections/{connection}/webhook");
        let made = self.post(&path, json!({})).await.expect(201);
        Hook {
            api: self.api.clone(),
            path: made["url"]
                .as_str()
                .unwrap()
                .strip_prefix(&self.api.base)
                .unwrap()
                .to_owned(),
            secret: made["secret"].as_str().unwrap().to_owned(),
            scheme,
            extra: Vec::new(),
        }
    }

    /// A delivery once it is no longer `accepted`.
    pub async fn delivery_handled(&self, id: &str) -> Value {
        until("a delivery's end", || async {
            let one = self.get(&format!("/webhook-deliveries/{id}")).await;
            let one = one.expect(200);
            (one["status"] != "accepted").then_some(one)
        })
        .await
    }

    /// The stored repository of the provider's id, removed or not.
    pub async fn repository_of(&self, provider_id: &str) -> Option<Value> {
        for removed in ["", "?removed=true"] {
            let list = self.get(&format!("/repositories{removed}")).await;
            let list = list.expect(200);
            let found = list["repositories"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["provider_repository_id"] == provider_id);
            if let Some(found) = found {
                return Some(found.clone());
            }
        }
        None
    }
}
