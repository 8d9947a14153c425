//! Work that a connection's state asks for gets its job, once.

use chrono::TimeDelta;
use serde_json::json;
use shared::domain::ids::{ConnectionId, JobId};
use shared::queue::catalogue::RingStranded;
use sqlx::AssertSqlSafe;

use super::{by_hand, sweep};
use crate::world::{World, run_test, until};

async fn set(w: &World, id: &str, what: &str) {
    let sql = format!("UPDATE connections SET {what} WHERE id = '{id}'");
    let done = sqlx::query(AssertSqlSafe(sql))
        .execute(&mut by_hand(w).await)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// The kinds of a connection's jobs.
async fn kinds(w: &World, id: &str) -> Vec<String> {
    let id: ConnectionId = id.parse().unwrap();
    sqlx::query_scalar("SELECT kind FROM jobs WHERE connection_id = $1 ORDER BY id")
        .bind(id.0)
        .fetch_all(&mut by_hand(w).await)
        .await
        .unwrap()
}

/// A sync of a connection that stands so already.
async fn standing(w: &World, id: &str, status: i16) {
    let now = w.clock.now();
    let made = now - TimeDelta::minutes(20);
    sqlx::query(
        "INSERT INTO jobs (organization_id, id, connection_id, kind, dedupe_key, priority, max_attempts,
             connection_limit, run_at, created_at, status, finished_at, payload)
         SELECT organization_id, $2, id, 'sync_connection', id::text, 3, 8, 1, $3, $4, $5, $6,
             json_build_object('connection_id', id, 'trigger', 'scheduled', 'full', false)
         FROM connections WHERE id = $1",
    )
    .bind(id.parse::<ConnectionId>().unwrap().0)
    .bind(JobId::new(made).0)
    .bind(now + TimeDelta::minutes(90))
    .bind(made)
    .bind(status)
    .bind((status == 3).then_some(now - TimeDelta::minutes(10)))
    .execute(&mut by_hand(w).await)
    .await
    .unwrap();
}

#[test]
fn what_is_due_and_has_no_job_gets_one() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut ids = Vec::new();
        for number in 0..5 {
            let token = w.github_account(&format!("octo-{number}"), 2);
            ids.push(owner.connect_and_sync("github", &token).await);
        }
        w.idle().await;
        sqlx::query("DELETE FROM jobs WHERE organization_id = $1")
            .bind(w.organization.0)
            .execute(&mut by_hand(&w).await)
            .await
            .unwrap();
        let [lost, waits, failed, silent, off] = &ids[..] else {
            panic!("five")
        };
        let never = "last_synced_at = NULL, created_at = created_at - interval '1 hour'";
        // Whoever stands is there first: the schedule may sweep at any moment too.
        standing(&w, waits, 0).await;
        standing(&w, failed, 3).await;
        set(&w, off, "is_active = false").await;
        for id in [lost, waits, failed, off] {
            set(&w, id, never).await;
        }
        let down = "status = 'error', health_code = 'unreachable',
            validated_at = validated_at - interval '10 minutes'";
        set(&w, silent, down).await;

        sweep(&w, &RingStranded {}).await;
        sweep(&w, &RingStranded {}).await;
        owner.synced(lost).await;
        until("an answer of the provider", || async {
            let found = owner.connection(silent).await;
            (found["health"]["code"] == "ok").then_some(())
        })
        .await;
        w.idle().await;
        sweep(&w, &RingStranded {}).await;
        assert_eq!(kinds(&w, lost).await, ["sync_connection"]);
        assert_eq!(kinds(&w, waits).await, ["sync_connection"]);
        assert_eq!(kinds(&w, failed).await, ["sync_connection"]);
        // Healthy again, it is synced again.
        assert_eq!(
            kinds(&w, silent).await,
            ["validate_connection", "sync_connection"]
        );
        assert!(kinds(&w, off).await.is_empty());
        assert_eq!(owner.connection(silent).await["status"], json!("active"));

        // A failure is not the end.
        w.clock.advance(TimeDelta::minutes(55));
        sweep(&w, &RingStranded {}).await;
        owner.synced(failed).await;
        let runs = owner
            .get(&format!("/git-connections/{failed}/syncs"))
            .await
            .expect(200);
        assert_eq!(runs["syncs"][0]["trigger"], "scheduled");
        assert!(kinds(&w, off).await.is_empty());
    });
}
