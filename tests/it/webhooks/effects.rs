//! What events do to rows, in order and out of it.

use mooring_forge::Scheme;
use serde_json::{Value, json};

use super::send::github_repository;
use super::{Hook, Letters};
use crate::world::{Caller, World, run_test};

struct Stage {
    owner: Caller,
    connection: String,
    hook: Hook,
    /// A stored repository in GitHub's fields.
    told: Value,
    id: String,
}

async fn stage(w: &World) -> Stage {
    let owner = w.owner();
    let token = w.github_account("octo", 2);
    let connection = owner.connect_and_sync("github", &token).await;
    let hook = owner.hook(&connection, Scheme::GitHub).await;
    let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
    let id = stored["provider_repository_id"]
        .as_str()
        .unwrap()
        .to_owned();
    Stage {
        owner,
        connection,
        hook,
        told: github_repository(&stored),
        id,
    }
}

impl Stage {
    async fn handle(&self, letter: &mooring_forge::Letter) -> Value {
        let id = self.hook.accepted(letter).await;
        self.owner.delivery_handled(&id).await
    }

    fn named(&self, name: &str) -> Value {
        let mut told = self.told.clone();
        told["name"] = json!(name);
        told["full_name"] = json!(format!("octo/{name}"));
        told
    }
}

#[test]
fn a_repository_follows_its_events_at_once() {
    run_test(|w| async move {
        let s = stage(&w).await;
        let send = |id: &'static str, action: &'static str, told: Value, late| {
            Letters(&w).repository(id, action, &told, late)
        };
        let done = s
            .handle(&send("1", "renamed", s.named("renamed"), 10))
            .await;
        assert_eq!(done["status"], "handled", "{done}");
        let row = s.owner.repository_of(&s.id).await.unwrap();
        assert_eq!(row["full_name"], "octo/renamed");

        let mut archived = s.named("renamed");
        archived["archived"] = json!(true);
        s.handle(&send("2", "archived", archived, 11)).await;
        assert_eq!(
            s.owner.repository_of(&s.id).await.unwrap()["archived"],
            true
        );

        let mut public = s.named("renamed");
        public["private"] = json!(false);
        s.handle(&send("3", "publicized", public, 12)).await;
        assert_eq!(
            s.owner.repository_of(&s.id).await.unwrap()["private"],
            false
        );

        let mut new = s.named("fresh");
        new["id"] = json!(999_000_111_u64);
        s.handle(&send("4", "created", new, 13)).await;
        let made = s.owner.repository_of("999000111").await.unwrap();
        assert_eq!(made["full_name"], "octo/fresh");
        let profile = format!("/repositories/{}/profile", made["id"].as_str().unwrap());
        assert_eq!(s.owner.get(&profile).await.expect(200)["state"], "stub");
        let count = s.owner.connection(&s.connection).await["repository_count"].clone();
        assert_eq!(count, 3);

        s.handle(&send("5", "deleted", s.named("renamed"), 14))
            .await;
        assert!(!s.owner.repository_of(&s.id).await.unwrap()["removed_at"].is_null());
        assert_eq!(
            s.owner.connection(&s.connection).await["repository_count"],
            2
        );
    });
}

#[test]
fn an_older_event_undoes_nothing() {
    run_test(|w| async move {
        let s = stage(&w).await;
        let send = |id: &'static str, action: &'static str, told: Value, late| {
            Letters(&w).repository(id, action, &told, late)
        };
        s.handle(&send("2", "renamed", s.named("second"), 20)).await;
        let late = s.handle(&send("1", "renamed", s.named("first"), 10)).await;
        assert_eq!(late["status"], "handled");
        let row = s.owner.repository_of(&s.id).await.unwrap();
        assert_eq!(row["full_name"], "octo/second");
        // Nor does one from before the last listing: that one is looked at again.
        let old = s
            .handle(&send("0", "renamed", s.named("ancient"), -3600))
            .await;
        assert_eq!(old["status"], "handled");
        assert_ne!(
            s.owner.repository_of(&s.id).await.unwrap()["full_name"],
            "octo/ancient"
        );
        w.idle().await;
        // What is gone stays gone, whatever comes late.
        let other = s.owner.get("/repositories").await.expect(200)["repositories"][1].clone();
        let gone = other["provider_repository_id"].as_str().unwrap().to_owned();
        let told = github_repository(&other);
        let number: u64 = gone.parse().unwrap();
        w.forge.edit(|state| state.delete(number));
        s.handle(&send("9", "deleted", told.clone(), 30)).await;
        s.handle(&send("8", "edited", told, 31)).await;
        w.idle().await;
        assert!(!s.owner.repository_of(&gone).await.unwrap()["removed_at"].is_null());
    });
}

#[test]
fn a_push_is_told_for_connected_repositories_once_and_in_order() {
    run_test(|w| async move {
        let s = stage(&w).await;
        let body = json!({ "connection_id": s.connection, "full_name": s.told["full_name"],
            "sast_enabled": true, "sca_enabled": true });
        s.owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let push = |id: &str, branch: &str, before: &str, after: &str, late: i64| {
            let mut told = s.told.clone();
            told["pushed_at"] = json!(w.clock.now().timestamp() + late);
            let body = json!({ "ref": format!("refs/heads/{branch}"), "before": before, "after": after,
                "repository": told, "commits": [{ "added": ["package.json"] }] });
            Letters(&w).letter(id, "push", &body)
        };
        let told = || async {
            let mut tx = w.context.db.tenant(w.organization).await.unwrap();
            let rows: Vec<(String, Value)> = sqlx::query_as(
                "SELECT type, data FROM outbox_events WHERE type IN ('branch.synchronized', 'deployment.requested') ORDER BY id",
            )
            .fetch_all(&mut *tx)
            .await
            .unwrap();
            rows.into_iter()
                .map(|(kind, data)| {
                    format!(
                        "{kind} {} {}",
                        data["branch"].as_str().unwrap(),
                        data["commit_sha"].as_str().unwrap_or("-")
                    )
                })
                .collect::<Vec<_>>()
        };
        s.handle(&push("1", "main", "a0", "a1", 10)).await;
        // The third arrives before the second.
        s.handle(&push("3", "main", "a2", "a3", 12)).await;
        s.handle(&push("2", "main", "a1", "a2", 11)).await;
        s.handle(&push("4", "topic", "0000000000", "b1", 12)).await;
        s.handle(&push("5", "topic", "b1", "0000000000", 12)).await;
        assert_eq!(
            told().await,
            [
                "branch.synchronized main a1",
                "deployment.requested main a1",
                "branch.synchronized main a3",
                "deployment.requested main a3",
                "branch.synchronized topic b1",
                "branch.synchronized topic -",
            ]
        );
        let row = s.owner.repository_of(&s.id).await.unwrap();
        let pushed = row["pushed_at"]
            .as_str()
            .unwrap()
            .parse::<chrono::DateTime<chrono::Utc>>();
        let ahead = (pushed.unwrap() - w.clock.now()).num_seconds();
        assert!((8..=12).contains(&ahead), "{ahead}");
        let unconnected = json!({ "id": 4242, "full_name": "octo/other" });
        let body = json!({ "ref": "refs/heads/main", "before": "x", "after": "y", "repository": unconnected });
        s.handle(&Letters(&w).letter("6", "push", &body)).await;
        assert_eq!(told().await.len(), 6);
    });
}

#[test]
fn a_pull_request_asks_for_a_preview_until_it_is_closed() {
    run_test(|w| async move {
        let s = stage(&w).await;
        let body = json!({ "connection_id": s.connection, "full_name": s.told["full_name"],
            "sast_enabled": true, "sca_enabled": true });
        s.owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let pull = |id: &str, action: &str, sha: &str, late: i64| {
            let at = w.clock.now() + chrono::TimeDelta::seconds(late);
            let body = json!({ "action": action, "number": 7, "repository": s.told, "pull_request": {
                "number": 7, "title": "Seven", "updated_at": at, "merged": false,
                "head": { "ref": "topic", "sha": sha }, "base": { "ref": "main", "sha": "m" } } });
            Letters(&w).letter(id, "pull_request", &body)
        };
        s.handle(&pull("1", "opened", "a1", 1)).await;
        s.handle(&pull("3", "closed", "a2", 3)).await;
        // Late: its request is closed.
        let late = s.handle(&pull("2", "synchronize", "a2", 2)).await;
        assert_eq!(late["status"], "handled");
        let labeled = s.handle(&pull("4", "labeled", "a2", 4)).await;
        assert_eq!(labeled["status"], "ignored");
        assert!(!labeled["reason"].as_str().unwrap().is_empty());
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        let kinds: Vec<String> = sqlx::query_scalar(
            "SELECT type FROM outbox_events WHERE type LIKE 'preview%' ORDER BY id",
        )
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        assert_eq!(kinds, ["preview.requested", "preview.closed"]);
    });
}

#[test]
fn events_of_the_other_providers_do_the_same() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.gitlab_account("octolab", 1);
        let connection = owner.connect_and_sync("gitlab", &token).await;
        let hook = owner.hook(&connection, Scheme::GitLabSigned).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        let id = stored["provider_repository_id"].as_str().unwrap();
        let number: u64 = id.parse().unwrap();
        let at = w.clock.now() + chrono::TimeDelta::seconds(5);
        let body = json!({ "event_name": "project_rename", "project_id": number, "path": "moved",
            "path_with_namespace": "octolab/moved", "updated_at": at, "project_visibility": "private" });
        let sent = hook
            .accepted(&Letters(&w).letter("1", "System Hook", &body))
            .await;
        let done = owner.delivery_handled(&sent).await;
        assert_eq!(done["status"], "handled", "{done}");
        let row = owner.repository_of(id).await.unwrap();
        assert_eq!(
            (&row["full_name"], &row["name"]),
            (&json!("octolab/moved"), &json!("moved"))
        );
        assert!(
            row["clone_url"]
                .as_str()
                .unwrap()
                .ends_with("/octolab/moved.git"),
            "{row}"
        );

        let body = json!({ "event_name": "project_destroy", "project_id": number, "path": "moved",
            "path_with_namespace": "octolab/moved", "updated_at": at });
        let sent = hook
            .accepted(&Letters(&w).letter("2", "System Hook", &body))
            .await;
        owner.delivery_handled(&sent).await;
        assert!(!owner.repository_of(id).await.unwrap()["removed_at"].is_null());
    });
}
