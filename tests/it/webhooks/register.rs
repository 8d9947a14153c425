//! Hooks at the provider: installed, used, put right, taken away.

use mooring_forge::{Face, Happened, Hook as AtForge, Post};
use serde_json::{Value, json};

use crate::world::{Caller, World, run_test};

pub fn hooks(w: &World, face: Face) -> Vec<AtForge> {
    w.forge.read(|state| {
        state
            .hooks()
            .filter(|hook| hook.face == face)
            .cloned()
            .collect()
    })
}

/// Connects every repository of a connection.
pub async fn connect_repositories(owner: &Caller, connection: &str) -> Vec<String> {
    let path = format!("/repositories?connection_id={connection}");
    let list = owner.get(&path).await.expect(200);
    let mut ids = Vec::new();
    for one in list["repositories"].as_array().unwrap() {
        let body = json!({ "connection_id": connection, "full_name": one["full_name"],
            "sast_enabled": true, "sca_enabled": false });
        let made = owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids
}

pub async fn registered(owner: &Caller, connection: &str) -> Value {
    let path = format!("/git-connections/{connection}/webhook");
    owner
        .post(&path, json!({ "register": true }))
        .await
        .expect(201)
}

#[test]
fn a_hook_is_installed_at_every_provider_and_its_deliveries_act() {
    run_test(|w| async move {
        let owner = w.owner();
        for (provider, face) in [
            ("github", Face::GitHub),
            ("gitlab", Face::GitLab),
            ("bitbucket", Face::Bitbucket),
            ("azure_devops", Face::Azure),
        ] {
            let id = owner.any_connection(&w, provider).await;
            owner.synced(&id).await;
            connect_repositories(&owner, &id).await;
            let made = registered(&owner, &id).await;
            assert_eq!(made["registered"], true);
            w.idle().await;
            let standing = hooks(&w, face);
            // One subscription per event at Azure DevOps.
            let events = made["events"].as_array().unwrap().len();
            let expected = if face == Face::Azure { events } else { 1 };
            assert_eq!(standing.len(), expected, "{provider}: {standing:?}");
            assert!(
                standing.iter().all(|hook| hook.url == made["url"]),
                "{standing:?}"
            );
            assert!(face != Face::GitLab || standing[0].signs);
            let state = owner
                .get(&format!("/git-connections/{id}/webhook"))
                .await
                .expect(200);
            assert_eq!(state["hooks"].as_array().unwrap().len(), 1);
            assert!(state["hooks"][0]["error_code"].is_null(), "{state}");

            let list = owner
                .get(&format!("/repositories?connection_id={id}"))
                .await
                .expect(200);
            let stored = list["repositories"][0].clone();
            w.clock.advance(chrono::TimeDelta::seconds(5));
            let repository = w.forge.read(|state| {
                let login = format!("hooked-{}", provider.replace('_', "-"));
                state
                    .repositories()
                    .find(|one| state.owner(one.owner).unwrap().login == login)
                    .unwrap()
                    .id
            });
            w.forge.edit(|state| state.rename(repository, "told"));
            let sent = w
                .forge
                .tell(
                    &w.served,
                    &[Happened::Repository(repository, "renamed")],
                    Post::default(),
                )
                .await;
            assert!(sent.iter().all(|one| one.status == Some(202)), "{sent:?}");
            assert!(!sent.is_empty());
            w.idle().await;
            let now = owner
                .repository_of(stored["provider_repository_id"].as_str().unwrap())
                .await
                .unwrap();
            let name = now["full_name"].as_str().unwrap();
            assert!(name.ends_with("/told"), "{provider}: {now}");
        }
    });
}

#[test]
fn a_registered_hook_is_put_right_given_new_secrets_and_taken_away() {
    run_test(|w| async move {
        let owner = w.owner();
        let id = owner.any_connection(&w, "github").await;
        owner.synced(&id).await;
        registered(&owner, &id).await;
        w.idle().await;
        assert!(
            hooks(&w, Face::GitHub).is_empty(),
            "nothing is connected yet"
        );
        // Connecting a repository installs its hook.
        let connected = connect_repositories(&owner, &id).await;
        w.idle().await;
        let first = hooks(&w, Face::GitHub).remove(0);
        // Somebody changes it at the provider, and deletes it.
        w.forge.edit(|state| state.remove_hook(first.id));
        let again = registered(&owner, &id).await;
        w.idle().await;
        let second = hooks(&w, Face::GitHub).remove(0);
        assert_ne!(second.id, first.id);
        assert_eq!(second.secret.as_deref(), again["secret"].as_str());
        // A new secret without a word about registration goes there too, and makes no second hook.
        let path = format!("/git-connections/{id}/webhook");
        let rotated = owner.post(&path, json!({})).await.expect(201);
        w.idle().await;
        let third = hooks(&w, Face::GitHub);
        assert_eq!((third.len(), third[0].id), (1, second.id));
        assert_eq!(third[0].secret.as_deref(), rotated["secret"].as_str());
        owner
            .delete(&format!("/connected-repositories/{}", connected[0]))
            .await
            .expect(204);
        w.idle().await;
        assert!(hooks(&w, Face::GitHub).is_empty());
        connect_repositories(&owner, &id).await;
        w.idle().await;
        assert_eq!(hooks(&w, Face::GitHub).len(), 1);
        owner.delete(&path).await.expect(204);
        w.idle().await;
        assert!(hooks(&w, Face::GitHub).is_empty());
    });
}

#[test]
fn an_older_gitlab_sends_the_secret_along() {
    run_test(|w| async move {
        w.forge.edit(|state| {
            state.settings.gitlab.version = "17.4.0".to_owned();
            state.settings.gitlab.signs_webhooks = false;
        });
        let owner = w.owner();
        let id = owner.any_connection(&w, "gitlab").await;
        owner.synced(&id).await;
        connect_repositories(&owner, &id).await;
        let made = registered(&owner, &id).await;
        w.idle().await;
        let hook = hooks(&w, Face::GitLab).remove(0);
        assert!(!hook.signs);
        assert_eq!(hook.secret.as_deref(), made["secret"].as_str());
    });
}

#[test]
fn a_repository_that_refuses_is_told_and_stands_in_nobodys_way() {
    run_test(|w| async move {
        let owner = w.owner();
        w.forge.add_user("guest");
        w.forge.add_user("host");
        let theirs = w.forge.add_repositories("host", 1)[0];
        w.forge.add_repositories("guest", 1);
        w.forge
            .edit(|state| state.add_collaborator(theirs, "guest", mooring_forge::Access::Write));
        let token = w
            .forge
            .mint(mooring_forge::TokenSpec::classic("guest").scopes(["repo", "read:org"]));
        let id = owner.connect_and_sync("github", &token).await;
        connect_repositories(&owner, &id).await;
        registered(&owner, &id).await;
        w.idle().await;
        let state = owner
            .get(&format!("/git-connections/{id}/webhook"))
            .await
            .expect(200);
        let codes: Vec<&Value> = state["hooks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["error_code"])
            .collect();
        assert_eq!(codes, [&Value::Null, &json!("not_found")], "{state}");
        assert_eq!(hooks(&w, Face::GitHub).len(), 1);
    });
}
