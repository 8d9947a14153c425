//! Sweeps and the feed of events go by index, however large the tables, and whether the planner
//! knows it or not.

mod at_scale;
mod deliveries;
mod hook_looks;
mod renewals;
mod timeline;
mod warnings;

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::tenancy::statements;
use crate::upkeep::by_hand;
use crate::world::{World, run_without_worker};

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

/// The tables that are filled here.
const LARGE: [&str; 4] = ["connections", "sync_runs", "jobs", "activity"];

/// Each statement, by words of it, reads these indexes and none of the large tables.
async fn check(connection: &mut PgConnection, statements: &[(&str, &[&str])]) {
    for (words, indexes) in statements {
        let plan = plan(connection, words).await;
        for index in *indexes {
            assert!(plan.contains(index), "{index} is not used:\n{plan}");
        }
        for table in LARGE {
            let whole = format!("Seq Scan on {table}");
            assert!(!plan.contains(&whole), "{words}:\n{plan}");
        }
    }
}

async fn analyze(connection: &mut PgConnection) {
    let all = format!("RESET ROLE; ANALYZE {}", LARGE.join(", "));
    connection.execute(AssertSqlSafe(all)).await.unwrap();
}

/// Twenty thousand rows of everything, most of one organization, of whose jobs some wait and run.
async fn fill(connection: &mut PgConnection, w: &World) {
    let fill = format!(
        "INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status,
             health_code, health_since, last_synced_at, created_at, updated_at)
         SELECT '{0}', gen_random_uuid(), 'c', 'github', 'u', 'pat', 'active', 'ok', now(),
             CASE WHEN n % 1000 > 0 THEN now() END, now(), now() FROM generate_series(1, 20000) n;
         INSERT INTO sync_runs (organization_id, id, connection_id, job_id, trigger, status, started_at)
         SELECT organization_id, gen_random_uuid(), id, gen_random_uuid(), 'manual',
             CASE WHEN random() < 0.01 THEN 'running' ELSE 'succeeded' END, now() FROM connections;
         INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, status,
             lease_id, finished_at, payload)
         SELECT CASE WHEN n % 10 = 0 THEN gen_random_uuid() ELSE '{0}' END, gen_random_uuid(), 'quick', 1, 3,
             now(), now(), s, CASE WHEN s = 1 THEN 7 END, now(), '{{}}'
         FROM generate_series(1, 20000) n
         CROSS JOIN LATERAL (SELECT CASE WHEN n % 500 = 1 THEN 1 WHEN n % 4 = 0 THEN 0 ELSE 2 END AS s) of;
         INSERT INTO activity (organization_id, id, event, actor_type, subject_type, metadata, created_at, key_id, mac)
         SELECT '{0}', gen_random_uuid(), 'e', 'system', 'organization', '{{}}', now(), 'k',
             sha256(n::text::bytea) FROM generate_series(1, 20000) n",
        w.organization
    );
    connection.execute(AssertSqlSafe(fill)).await.unwrap();
}

#[test]
fn sweeps_read_what_is_due_and_not_the_table() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        fill(&mut connection, &w).await;
        analyze(&mut connection).await;
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        connection.execute(as_system).await.unwrap();
        let sweeps: &[(&str, &[&str])] = &[
            (
                "wanted_since IS NOT NULL",
                &["connections_wanted", "jobs_dedupe", "jobs_failed"],
            ),
            (
                "WITH stretch AS MATERIALIZED (\n            SELECT id FROM (",
                &["jobs_pkey"],
            ),
            (
                "WITH RECURSIVE owner(organization_id, id, n)",
                &["jobs_pkey"],
            ),
            ("AND status <> 1 ORDER BY id LIMIT $2", &["jobs_pkey"]),
            (
                "FROM sync_runs\n            WHERE status = 'running' AND connection_id > $1",
                &["sync_runs_running", "jobs_pkey"],
            ),
        ];
        check(&mut connection, sweeps).await;
    });
}

/// As the feed asks ([`shared::store::sweeps::standings`]).
const AS_FEED: &str = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off";
const STANDINGS: &str = "lane_connection, priority, long, run_at, id LIMIT $3";

async fn check_standings(connection: &mut PgConnection) {
    connection.execute(AS_FEED).await.unwrap();
    let plan = plan(connection, STANDINGS).await;
    for (index, times) in [("jobs_queued", 1), ("jobs_running", 1), ("jobs_pkey", 1)] {
        assert_eq!(
            plan.matches(&format!("using {index} on jobs")).count(),
            times,
            "{plan}"
        );
    }
    assert_eq!(
        plan.matches(" on jobs").count(),
        3,
        "nothing else is read:\n{plan}"
    );
    assert!(
        plan.contains("(organization_id = w.id) AND (id >= $2)"),
        "{plan}"
    );
    assert!(!plan.contains("Sort"), "a backlog is not sorted:\n{plan}");
    let rest = "RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_sort";
    connection.execute(rest).await.unwrap();
}

#[test]
fn the_feed_of_events_probes_indexes_whatever_the_statistics() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        analyze(&mut connection).await;
        check_standings(&mut connection).await;
        connection.execute("RESET ROLE").await.unwrap();
        fill(&mut connection, &w).await;
        check_standings(&mut connection).await;
        analyze(&mut connection).await;
        check_standings(&mut connection).await;
        check(
            &mut connection,
            &[("(SELECT id FROM activity WHERE", &["activity_list"])],
        )
        .await;
        let as_tenant = format!(
            "SET ROLE mooring_app; SET mooring.organization = '{}'",
            w.organization
        );
        connection.execute(AssertSqlSafe(as_tenant)).await.unwrap();
        let of_tenant: &[(&str, &[&str])] = &[
            ("id = ANY($2) ORDER BY id", &["jobs_pkey"]),
            ("newest WHERE finished_at", &["jobs_pkey"]),
            ("ORDER BY id DESC OFFSET $2 LIMIT 1", &["jobs_pkey"]),
            (
                "event = $1 AND id > $2 ORDER BY id LIMIT $3",
                &["activity_list"],
            ),
        ];
        check(&mut connection, of_tenant).await;
    });
}
