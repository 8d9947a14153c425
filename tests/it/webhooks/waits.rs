//! A batch of deliveries that waits in the database holds up none of the others.

use std::time::Duration;

use mooring_forge::{Letter, Scheme};
use serde_json::json;
use sqlx::Executor;

use super::Letters;
use crate::upkeep::by_hand;
use crate::world::{World, run_without_worker, until};

#[test]
fn what_comes_meanwhile_does_not_wait_for_a_batch_that_waits() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let id = owner.connect("github", &w.github_account("octo", 1)).await;
        let hook = owner.hook(&id, Scheme::GitHub).await;
        let letters = Letters(&w);
        let first = letters.letter("first", "watch", &json!({ "n": 1 }));
        hook.accepted(&first).await;
        // Its row is held: a repeat, which is counted there, waits for it. Before that the table is, so that
        // repeats gather to one large batch.
        let mut holder = by_hand(&w).await;
        for held in [
            "BEGIN",
            "SELECT FROM webhook_deliveries FOR UPDATE",
            "SAVEPOINT row_only",
            "LOCK TABLE webhook_deliveries IN ACCESS EXCLUSIVE MODE",
        ] {
            holder.execute(held).await.unwrap();
        }
        let send = |letter: &Letter| {
            let (hook, letter) = (hook.clone(), letter.clone());
            tokio::spawn(async move { hook.send(&letter).await.expect(202) })
        };
        let mut early = Vec::new();
        for n in 1..4 {
            let letter = letters.letter(&format!("early-{n}"), "watch", &json!({ "early": n }));
            early.push(send(&letter));
            waiting(&w, n).await;
        }
        let repeats: Vec<_> = (0..12).map(|_| send(&first)).collect();
        // Nothing tells that they are there; fewer of them would be a smaller batch.
        tokio::time::sleep(Duration::from_millis(200)).await;
        holder
            .execute("ROLLBACK TO SAVEPOINT row_only")
            .await
            .unwrap();
        for one in early {
            assert_eq!(one.await.unwrap()["status"], "accepted");
        }
        waiting(&w, 1).await;
        for n in 2..5 {
            let other = letters.letter(&format!("other-{n}"), "watch", &json!({ "n": n }));
            let accepted = hook.accepted(&other);
            // Less than the statement that waits is given.
            let accepted = tokio::time::timeout(Duration::from_secs(10), accepted).await;
            accepted.expect("it waits for the batch before it");
        }
        assert!(
            repeats.iter().all(|one| !one.is_finished()),
            "the lock is held"
        );
        holder.execute("ROLLBACK").await.unwrap();
        for one in repeats {
            assert_eq!(one.await.unwrap()["status"], "duplicate");
        }
    });
}

/// Waits until at least so many of the server's processes wait for a lock.
async fn waiting(w: &World, least: i64) {
    until("batches that wait for a lock", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let mut db = by_hand(w).await;
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut db)
            .await
            .unwrap();
        (waiting >= least).then_some(())
    })
    .await;
}
