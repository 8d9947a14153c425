//! The statements that the rate hangs on keep their plans, whatever the planner believes of the
//! table: freshly analyzed while empty, and with a large backlog and no statistics of it.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::support::bed;

const PINNED: &str = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET enable_bitmapscan = off; SET jit = off";

const CLAIM: &str = include_str!("../../worker/src/backend/sql/claim.sql");
const CLAIM_LIMITED: &str = include_str!("../../worker/src/backend/sql/claim_limited.sql");
const DONE: &str = include_str!("../../worker/src/backend/sql/acknowledge_done.sql");
const ANY: &str = include_str!("../../worker/src/backend/sql/acknowledge.sql");
const TAKE_OVER: &str = include_str!("../../worker/src/backend/sql/take_over.sql");
const CANCELLED: &str = include_str!("../../worker/src/backend/sql/cancelled.sql");
const PROGRESS: &str = include_str!("../../worker/src/backend/sql/progress.sql");

/// Every scan of `jobs` in a plan: (node, index, index condition).
fn scans(plan: &Value, found: &mut Vec<(String, String, String)>) {
    match plan {
        Value::Object(node) => {
            let text = |key: &str| {
                node.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            if text("Relation Name") == "jobs" && text("Node Type").contains("Scan") {
                found.push((text("Node Type"), text("Index Name"), text("Index Cond")));
            }
            assert!(
                !(text("Node Type") == "Sort" && sorts_by_time(node)),
                "a lane is sorted instead of read in order: {node:?}"
            );
            node.values().for_each(|value| scans(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| scans(value, found)),
        _ => {}
    }
}

/// Whether a node sorts by the order that lanes have in their index already.
fn sorts_by_time(node: &serde_json::Map<String, Value>) -> bool {
    let keys = node.get("Sort Key").and_then(Value::as_array);
    keys.and_then(|keys| keys.first())
        .and_then(Value::as_str)
        .is_some_and(|key| key.ends_with("run_at"))
}

/// The generic plan of a statement, as a prepared one gets it.
async fn plan(
    connection: &mut PgConnection,
    sql: &str,
    parameters: usize,
) -> Vec<(String, String, String)> {
    // The names that sqlx reads types from mean nothing to the server but a column's name.
    connection
        .execute(AssertSqlSafe(format!("PREPARE s AS {sql}")))
        .await
        .unwrap();
    let nulls = vec!["NULL"; parameters].join(", ");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(format!(
        "EXPLAIN (FORMAT JSON) EXECUTE s ({nulls})"
    )))
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    connection.execute("DEALLOCATE s").await.unwrap();
    let mut found = Vec::new();
    scans(&plan, &mut found);
    found
}

async fn check(connection: &mut PgConnection) {
    for (name, sql) in [("claim", CLAIM), ("claim_limited", CLAIM_LIMITED)] {
        let scans = plan(connection, sql, 9).await;
        let by = |index: &str| {
            scans
                .iter()
                .filter(|scan| scan.1 == index)
                .collect::<Vec<_>>()
        };
        let queued = by("jobs_queued");
        assert_eq!(queued.len(), 1, "{name}: {scans:?}");
        for part in [
            "organization_id",
            "lane_connection",
            "priority",
            "long",
            "ROW(",
            "run_at <=",
        ] {
            assert!(
                queued[0].2.contains(part),
                "{name} reads its lane by {part}: {queued:?}"
            );
        }
        assert_eq!(
            by("jobs_pkey").len(),
            1,
            "{name} updates by primary key: {scans:?}"
        );
        let limits = if name == "claim" { 0 } else { 2 };
        assert_eq!(by("jobs_limited").len(), limits, "{name}: {scans:?}");
        assert_eq!(scans.len(), 2 + limits, "{name}: {scans:?}");
    }
    for (name, sql, parameters) in [
        ("done", DONE, 5),
        ("any", ANY, 14),
        ("progress", PROGRESS, 7),
        ("cancelled", CANCELLED, 3),
    ] {
        let scans = plan(connection, sql, parameters).await;
        assert_eq!(scans.len(), 1, "{name}: {scans:?}");
        assert_eq!(scans[0].1, "jobs_pkey", "{name}: {scans:?}");
        assert!(
            scans[0].2.contains("organization_id") && scans[0].2.contains("id ="),
            "{name}: {scans:?}"
        );
    }
    let scans = plan(connection, TAKE_OVER, 1).await;
    assert_eq!(scans.len(), 2, "{scans:?}");
    assert!(
        scans
            .iter()
            .any(|scan| scan.1 == "jobs_running" && scan.2.contains("lease_id >")),
        "{scans:?}"
    );
    assert!(
        scans
            .iter()
            .any(|scan| scan.1 == "jobs_pkey" && scan.2.contains("id =")),
        "{scans:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_and_acknowledgements_go_by_index_whatever_the_statistics() {
    let bed = bed().await;
    sqlx::query("ANALYZE jobs")
        .execute(&bed.owner)
        .await
        .unwrap();
    let mut connection = PgConnection::connect_with(&bed.options).await.unwrap();
    connection.execute(PINNED).await.unwrap();
    check(&mut connection).await;
    sqlx::query(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload) \
         SELECT gen_random_uuid(), gen_random_uuid(), 'quick', 1, 3, now(), now(), '{}' FROM generate_series(1, 20000)",
    )
    .execute(&bed.owner)
    .await
    .unwrap();
    check(&mut connection).await;
    sqlx::query("ANALYZE jobs")
        .execute(&bed.owner)
        .await
        .unwrap();
    check(&mut connection).await;
}
