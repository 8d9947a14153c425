//! A batch of deliveries that waits in the database holds up none of the others.

use std::time::Duration;

use mooring_forge::Scheme;
use serde_json::json;
use sqlx::Executor;

use super::Letters;
use crate::upkeep::by_hand;
use crate::world::{run_without_worker, until};

#[test]
fn what_comes_meanwhile_does_not_wait_for_a_batch_that_waits() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner.connect("github", &w.github_account("octo", 1)).await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let letters = Letters(&w);
        let first = letters.letter("first", "watch", &json!({ "n": 1 }));
        hook.accepted(&first).await;
        // Its row is held: a repeat, which is counted there, waits for it.
        let mut holder = by_hand(&w).await;
        holder.execute("BEGIN").await.unwrap();
        holder
            .execute("SELECT FROM webhook_deliveries FOR UPDATE")
            .await
            .unwrap();
        let repeat = tokio::spawn({
            let (hook, first) = (hook.clone(), first.clone());
            async move { hook.send(&first).await }
        });
        until("a batch that waits for a lock", || async {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                           WHERE wait_event_type = 'Lock' AND datname = current_database()";
            let mut db = by_hand(&w).await;
            let waiting: i64 = sqlx::query_scalar(waiting)
                .fetch_one(&mut db)
                .await
                .unwrap();
            (waiting == 1).then_some(())
        })
        .await;
        for n in 2..5 {
            let other = letters.letter(&format!("other-{n}"), "watch", &json!({ "n": n }));
            let accepted = hook.accepted(&other);
            // Less than the statement that waits is given.
            let accepted = tokio::time::timeout(Duration::from_secs(10), accepted).await;
            accepted.expect("it waits for the batch before it");
        }
        assert!(!repeat.is_finished(), "the lock is held");
        holder.execute("ROLLBACK").await.unwrap();
        let repeat = repeat.await.unwrap().expect(202);
        assert_eq!(repeat["status"], "duplicate");
    });
}
