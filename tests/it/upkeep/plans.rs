//! The sweeps go by index, however large the tables.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::by_hand;
use crate::tenancy::statements;
use crate::world::run_without_worker;

/// The generic plan of the one compiled statement with these words in it.
async fn plan(connection: &mut PgConnection, words: &str) -> String {
    let all = statements::all();
    let mut found = all
        .iter()
        .filter(|statement| statement.query.contains(words));
    let (Some(statement), None) = (found.next(), found.next()) else {
        panic!("one statement has {words:?}");
    };
    let sql = format!("PREPARE s AS {}", statement.query);
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    let nulls = vec!["NULL"; statement.parameters.len()].join(", ");
    let sql = format!("EXPLAIN EXECUTE s ({nulls})");
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    connection.execute("DEALLOCATE s").await.unwrap();
    lines.join("\n")
}

#[test]
fn sweeps_read_what_is_due_and_not_the_table() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let fill = format!(
            "INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status,
                 health_code, health_since, last_synced_at, created_at, updated_at)
             SELECT '{0}', gen_random_uuid(), 'c', 'github', 'u', 'pat', 'active', 'ok', now(),
                 CASE WHEN n % 1000 > 0 THEN now() END, now(), now() FROM generate_series(1, 20000) n;
             INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, status,
                 finished_at, payload)
             SELECT '{0}', gen_random_uuid(), 'quick', 1, 3, now(), now(), 2, now(), '{{}}'
             FROM generate_series(1, 20000);
             ANALYZE connections; ANALYZE jobs;
             SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan",
            w.organization
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
        for (words, indexes) in [
            (
                "wanted_since IS NOT NULL",
                &["connections_wanted", "jobs_dedupe", "jobs_failed"][..],
            ),
            ("WITH stretch", &["jobs_pkey"]),
            ("WITH RECURSIVE owner", &["jobs_pkey"]),
            ("AND status <> 1 ORDER BY id LIMIT $2", &["jobs_pkey"]),
        ] {
            let plan = plan(&mut connection, words).await;
            for index in indexes {
                assert!(plan.contains(index), "{index} is not used:\n{plan}");
            }
            for table in ["jobs", "connections"] {
                assert!(
                    !plan.contains(&format!("Seq Scan on {table}")),
                    "{words}:\n{plan}"
                );
            }
        }
    });
}
