//! Events that bear no date of their own, and those whose date says little: in any order, and late.

use mooring_forge::{Letter, Scheme};
use serde_json::{Value, json};

use super::register::connect_repositories;
use super::{Hook, Letters};
use crate::world::{Caller, World, run_test};

struct Stage {
    owner: Caller,
    hook: Hook,
    /// The stored repository's id at Bitbucket.
    id: String,
}

impl Stage {
    async fn set(w: &World) -> Self {
        let owner = w.owner();
        let connection = owner.any_connection(w, "bitbucket").await;
        owner.synced(&connection).await;
        let hook = owner.hook(&connection, Scheme::Bitbucket).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        connect_repositories(&owner, &connection).await;
        w.idle().await;
        let id = stored["provider_repository_id"].as_str().unwrap();
        Self {
            id: id.to_owned(),
            owner,
            hook,
        }
    }

    async fn handle(&self, letter: &Letter, attempt: &str) -> Value {
        let mut headers = letter.headers(self.hook.scheme, &self.hook.secret);
        headers.retain(|(name, _)| name != "x-attempt-number");
        headers.push(("x-attempt-number".to_owned(), attempt.to_owned()));
        let sent = self.hook.send_with(letter, &headers).await.expect(202);
        let id = sent["delivery_id"].as_str().unwrap();
        self.owner.delivery_handled(id).await
    }

    fn push(&self, w: &World, id: &str, before: &str, after: &str) -> Letter {
        let branch =
            |hash: &str| json!({ "type": "branch", "name": "main", "target": { "hash": hash } });
        let body = json!({ "repository": { "uuid": self.id },
            "push": { "changes": [{ "old": branch(before), "new": branch(after) }] } });
        Letters(w).letter(id, "repo:push", &body)
    }
}

async fn told(w: &World, kind: &str) -> Vec<String> {
    let mut tx = w.context.db.tenant(w.organization).await.unwrap();
    let commits = "SELECT data->>'commit_sha' FROM outbox_events WHERE type = $1 ORDER BY id";
    let commits = sqlx::query_scalar(commits).bind(kind);
    commits.fetch_all(&mut *tx).await.unwrap()
}

#[test]
fn a_push_that_was_overtaken_tells_of_nothing() {
    run_test(|w| async move {
        let s = Stage::set(&w).await;
        s.handle(&s.push(&w, "1", "a", "b"), "1").await;
        // The third comes before the second.
        s.handle(&s.push(&w, "3", "c", "d"), "1").await;
        s.handle(&s.push(&w, "2", "b", "c"), "1").await;
        assert_eq!(told(&w, "branch.synchronized").await, ["b", "d"]);
        // Set back to where it was: that goes on from where it stands.
        s.handle(&s.push(&w, "4", "d", "c"), "1").await;
        assert_eq!(told(&w, "branch.synchronized").await, ["b", "d", "c"]);
        // Sent once more, and long ago for the first time.
        let late = s.handle(&s.push(&w, "0", "x", "a"), "2").await;
        assert!(
            late.to_string().contains("sync: whether main moved on"),
            "{late}"
        );
        // One that goes on from it is no older for having been sent again.
        s.handle(&s.push(&w, "5", "c", "e"), "2").await;
        assert_eq!(told(&w, "branch.synchronized").await, ["b", "d", "c", "e"]);
        w.idle().await;
    });
}

#[test]
fn an_edit_of_a_pull_request_asks_for_no_preview() {
    run_test(|w| async move {
        let s = Stage::set(&w).await;
        let pull = |id: &str, event: &str, hash: &str, late: i64| {
            let at = w.clock.now() + chrono::TimeDelta::seconds(late);
            let body = json!({ "repository": { "uuid": s.id }, "pullrequest": { "id": 7, "title": id,
                "updated_on": at, "source": { "branch": { "name": "topic" }, "commit": { "hash": hash } },
                "destination": { "branch": { "name": "main" } } } });
            Letters(&w).letter(id, event, &body)
        };
        s.handle(&pull("1", "pullrequest:created", "a", 1), "1")
            .await;
        s.handle(&pull("2", "pullrequest:updated", "a", 2), "1")
            .await;
        s.handle(&pull("3", "pullrequest:updated", "b", 3), "1")
            .await;
        s.handle(&pull("4", "pullrequest:updated", "b", 4), "1")
            .await;
        assert_eq!(told(&w, "preview.requested").await, ["a", "b"]);
        s.handle(&pull("5", "pullrequest:rejected", "b", 5), "1")
            .await;
        assert_eq!(told(&w, "preview.closed").await, ["b"]);
    });
}

/// Its repository was restored meanwhile, and a listing has seen that.
#[test]
fn a_deletion_that_comes_late_has_a_sync_look() {
    run_test(|w| async move {
        let s = Stage::set(&w).await;
        let body = json!({ "repository": { "uuid": s.id } });
        let letter = Letters(&w).letter("1", "repo:deleted", &body);
        let done = s.handle(&letter, "2").await;
        assert!(done.to_string().contains("sync: "), "{done}");
        w.idle().await;
        let row = s.owner.repository_of(&s.id).await.unwrap();
        assert!(row["removed_at"].is_null(), "{row}");
        // At once, it is believed.
        let body = json!({ "repository": { "uuid": s.id }, "actor": {} });
        w.clock.advance(chrono::TimeDelta::minutes(5));
        s.handle(&Letters(&w).letter("2", "repo:deleted", &body), "1")
            .await;
        let row = s.owner.repository_of(&s.id).await.unwrap();
        assert!(!row["removed_at"].is_null(), "{row}");
    });
}
