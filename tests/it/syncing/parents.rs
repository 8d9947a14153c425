//! No repository without its connection, and none is left behind, though no foreign key says so.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::upkeep::by_hand;
use crate::world::{World, run_test, until};

/// One more repository of the connection that has some.
fn one_more(name: &str) -> String {
    format!(
        "INSERT INTO repositories (organization_id, id, connection_id, provider_repository_id, provider, \
            name, full_name, url, clone_url, private, archived, fork, first_seen_at, last_changed_at) \
         SELECT organization_id, gen_random_uuid(), connection_id, '{name}', provider, '{name}', '{name}', \
            url, clone_url, true, false, false, now(), now() FROM known"
    )
}

async fn count(db: &mut PgConnection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(db)
        .await
        .unwrap()
}

/// Waits until this process of the server waits for a lock.
async fn waits(w: &World, pid: i32) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'";
    until("it waits for a lock", || async {
        let mut db = by_hand(w).await;
        let found = sqlx::query_scalar(sql).bind(pid).fetch_one(&mut db).await;
        let found: i64 = found.unwrap();
        (found == 1).then_some(())
    })
    .await;
}

#[test]
fn repositories_go_with_their_connection_and_come_to_none_that_is_gone() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        w.idle().await;
        let (mut one, mut other, mut third) =
            (by_hand(&w).await, by_hand(&w).await, by_hand(&w).await);
        // What the connection was, for when it is gone.
        let known = "CREATE TABLE known AS SELECT * FROM repositories LIMIT 1";
        one.execute(known).await.unwrap();

        // One that comes while the connection is being deleted waits for what becomes of it.
        one.execute("BEGIN").await.unwrap();
        let delete = format!("DELETE FROM connections WHERE id = '{id}'");
        one.execute(AssertSqlSafe(delete.clone())).await.unwrap();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut other)
            .await
            .unwrap();
        let late = tokio::spawn(async move {
            let outcome = other.execute(AssertSqlSafe(one_more("late"))).await;
            (outcome.map(|done| done.rows_affected()), other)
        });
        waits(&w, pid).await;
        one.execute("ROLLBACK").await.unwrap();
        let (taken, mut other) = late.await.unwrap();
        assert_eq!(taken.unwrap(), 1, "the connection stays, and so it may");

        // One that came first is taken along by a deletion that waited for it.
        other.execute("BEGIN").await.unwrap();
        other
            .execute(AssertSqlSafe(one_more("early")))
            .await
            .unwrap();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut one)
            .await
            .unwrap();
        let deletion = tokio::spawn(async move {
            let outcome = one.execute(AssertSqlSafe(delete)).await;
            outcome.map(|done| done.rows_affected())
        });
        waits(&w, pid).await;
        other.execute("COMMIT").await.unwrap();
        assert_eq!(deletion.await.unwrap().unwrap(), 1);
        assert_eq!(count(&mut third, "repositories").await, 0);
        assert_eq!(count(&mut third, "application_profiles").await, 0);

        let refused = other.execute(AssertSqlSafe(one_more("last"))).await;
        let refused = refused.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("23503"), "{refused}");
    });
}

#[test]
fn nothing_waits_to_be_told_of_an_organization_that_is_gone() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        owner.connect_and_sync("github", &token).await;
        w.idle().await;
        let mut db = by_hand(&w).await;
        assert_eq!(count(&mut db, "outbox_events").await, 4);
        until("its end", || async {
            (owner.delete("").await.status == 204).then_some(())
        })
        .await;
        assert_eq!(count(&mut db, "outbox_events").await, 0);
        assert_eq!(count(&mut db, "repositories").await, 0);
    });
}
