//! Renewals of many tenants at once go by keys, however little the planner knows.

use sqlx::{AssertSqlSafe, Executor};

use super::{analyze, by_hand, fill, plan};
use crate::world::run_without_worker;

const DUE: &str = "INSERT INTO credentials (organization_id, connection_id, refresh_token, \
        next_refresh_at, obtained_at, updated_at) \
     SELECT organization_id, id, 'x', now() + random() * interval '2 hours', now(), now() \
     FROM connections; VACUUM ANALYZE credentials";

#[test]
fn what_is_due_is_read_from_an_index_alone() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        fill(&mut connection, &w).await;
        for sql in DUE.split("; ") {
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        analyze(&mut connection).await;
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        connection.execute(as_system).await.unwrap();
        let plan = plan(&mut connection, "c.next_refresh_at <= $3").await;
        assert!(
            plan.contains("Index Only Scan using credentials_due on credentials"),
            "{plan}"
        );
        assert!(plan.contains("using jobs_dedupe on jobs"), "{plan}");
        assert!(
            !plan.contains("Seq Scan") && !plan.contains("Sort"),
            "{plan}"
        );
    });
}

/// As the door for batches is pinned.
const PINNED: &str = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off";

#[test]
fn taking_storing_and_sealing_probe_keys_whatever_the_statistics() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        // Once while everything is empty, and once with rows that no statistics tell of.
        for filled in [false, true] {
            if filled {
                connection.execute("RESET ROLE").await.unwrap();
                fill(&mut connection, &w).await;
            }
            connection.execute(PINNED).await.unwrap();
            let stored = plan(&mut connection, "WITH given AS MATERIALIZED").await;
            for key in [
                "(connection_id = g_1.connection_id) AND (id = g_1.attempt)",
                "(connection_id = h_4.connection_id) AND (id = h_4.attempt)",
            ] {
                assert!(stored.contains(key), "{key}:\n{stored}");
            }
            let taken = plan(&mut connection, "WITH seen AS MATERIALIZED").await;
            for plan in [&stored, &taken] {
                assert!(plan.contains("credentials_pkey"), "{plan}");
                assert!(!plan.contains("Seq Scan on"), "{plan}");
                assert!(!plan.contains("Hash"), "{plan}");
            }
            let found = plan(&mut connection, "o AS \"organization_id!\", a.id, a.key_id").await;
            assert!(found.contains("activity_unsealed"), "{found}");
            let sealed = plan(&mut connection, "a.sequence + 0 IS NULL").await;
            assert!(sealed.contains("activity_pkey"), "{sealed}");
        }
    });
}

/// Rows of many tenants in one statement that sets its tenant from row to row: right only where each
/// row is read after its tenant is set.
#[test]
fn what_is_renewed_is_read_tenant_by_tenant() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        fill(&mut connection, &w).await;
        analyze(&mut connection).await;
        let as_app = "SET ROLE mooring_app; SET plan_cache_mode = force_generic_plan";
        connection.execute(as_app).await.unwrap();
        for (words, table) in [
            (
                "SELECT p.* FROM connections p WHERE tenant.organization <> ''\n                             AND p.organization_id",
                "connections p",
            ),
            (
                "SELECT p.* FROM credentials p WHERE tenant.organization <> ''",
                "credentials p",
            ),
        ] {
            let plan = plan(&mut connection, words).await;
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{plan}");
            assert!(plan.contains("Nested Loop"), "{plan}");
            assert!(!plan.contains("Hash") && !plan.contains("Merge"), "{plan}");
        }
    });
}
