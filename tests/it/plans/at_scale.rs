//! Syncs and lists read what they need, however many repositories there are.

use sqlx::{AssertSqlSafe, Executor};

use super::plan;
use crate::upkeep::by_hand;
use crate::world::run_without_worker;

#[test]
fn turns_are_taken_by_index_however_many_connections_there_are() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let fill = format!(
            "INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status,
                 health_code, health_since, created_at, updated_at)
             SELECT '{0}', gen_random_uuid(), 'c', 'github', 'u', 'pat', 'active', 'ok', now(), now(), now()
             FROM generate_series(1, 20000) n;
             INSERT INTO turns SELECT organization_id, id, now() - random() * interval '4 hours', kind FROM connections, (VALUES ('sync'), ('validation')) k(kind);
             INSERT INTO outbox_events (organization_id, id, type, data, created_at)
             SELECT '{0}', gen_random_uuid(), 'sync.completed', '{{}}', now() FROM generate_series(1, 20000);
             ANALYZE connections; ANALYZE turns; ANALYZE outbox_events;
             SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan",
            w.organization
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
        for (words, indexes) in [
            (
                "UPDATE turns t SET last_at",
                &["turns_due", "turns_pkey", "connections_pkey"][..],
            ),
            (
                "DELETE FROM outbox_events WHERE id",
                &["outbox_events_pkey"],
            ),
        ] {
            let plan = plan(&mut connection, words).await;
            for index in indexes {
                assert!(plan.contains(index), "{index} is not used:\n{plan}");
            }
            assert!(!plan.contains("Seq Scan"), "{words}:\n{plan}");
        }
    });
}

#[test]
fn lists_and_syncs_read_what_they_need_of_all_repositories() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let fill = format!(
            "INSERT INTO organizations (id, name, created_at, updated_at)
             SELECT gen_random_uuid(), 'o', now(), now() FROM generate_series(1, 200);
             INSERT INTO connections (organization_id, id, name, provider, base_url, auth_method, status,
                 health_code, health_since, created_at, updated_at)
             SELECT id, gen_random_uuid(), 'c', 'github', 'u', 'pat', 'active', 'ok', now(), now(), now()
             FROM organizations, generate_series(1, 2);
             INSERT INTO repositories (organization_id, id, connection_id, provider_repository_id, provider, name,
                 full_name, url, clone_url, private, archived, fork, first_seen_at, last_changed_at)
             SELECT organization_id, gen_random_uuid(), id, n::text, 'github', 'r', 'o/' || md5(n::text), 'u', 'u',
                 true, false, false, now(), now() FROM connections, generate_series(1, CASE organization_id WHEN '{0}' THEN 10000 ELSE 40 END) n;
             ANALYZE organizations; ANALYZE connections",
            w.organization
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
        // By itself, it comes some moments later: that all rows are to be seen is known by block then.
        let vacuum = "VACUUM (ANALYZE) repositories";
        connection.execute(vacuum).await.unwrap();
        let as_tenant = format!(
            "SET ROLE mooring_app; SELECT set_config('mooring.organization', '{}', false);
             SET plan_cache_mode = force_generic_plan",
            w.organization
        );
        connection.execute(AssertSqlSafe(as_tenant)).await.unwrap();
        for (words, index) in [
            (
                "r.connection_id = $9 AND (r.full_name, r.id) > ($1, $2)",
                "repositories_by_connection",
            ),
            (
                "WHERE r.removed_at IS NULL AND (r.full_name, r.id) > ($1, $2)",
                "repositories_by_name",
            ),
            (
                "WHERE r.removed_at IS NULL AND (r.full_name, r.id) < ($1, $2)",
                "repositories_by_name",
            ),
            (
                "WHERE r.removed_at IS NOT NULL AND (r.full_name, r.id) > ($1, $2)",
                "repositories_removed",
            ),
            (
                "WHERE r.removed_at IS NOT NULL AND (r.full_name, r.id) < ($1, $2)",
                "repositories_removed",
            ),
        ] {
            // In order, so that a page costs what is on it, and in the index alone, so that what is
            // passed over on the way costs no row of the table.
            let plan = plan(&mut connection, words).await;
            let (_, found) = plan.split_once("Limit").unwrap();
            let way = found.split("->").nth(1).unwrap();
            let alone = way.contains("Index Only Scan") && way.contains(index);
            assert!(alone, "{index} is not used alone:\n{plan}");
            // Its rows one by one, however large the planner takes a tenant to be.
            let fetched = "Index Cond: (id = r.id)";
            assert!(plan.contains(fetched), "{words}:\n{plan}");
        }
        // As it is written by its key; nothing else is read unless that finds nothing.
        let by_name = plan(&mut connection, "lower(s.full_name) = lower($2)").await;
        for scan in [
            "Index Only Scan using repositories_by_connection on repositories s ",
            "(full_name = $2)",
            "Index Scan using repositories_pkey on repositories r ",
        ] {
            assert!(by_name.contains(scan), "{scan}:\n{by_name}");
        }
        for (words, index) in [
            (
                "SELECT FROM repositories r WHERE r.removed_at IS NULL",
                "repositories_",
            ),
            ("), before AS (", "provider_reposit_key"),
        ] {
            let plan = plan(&mut connection, words).await;
            assert!(plan.contains(index), "{index} is not used:\n{plan}");
            assert!(
                !plan.contains("Seq Scan on repositories"),
                "{words}:\n{plan}"
            );
            assert!(!plan.contains("Anti Join"), "{words}:\n{plan}");
        }
        // As `tenant_in_bulk` runs them: a connection's rows once, and its own row by its key.
        let bulk = "SET enable_nestloop = off";
        connection.execute(bulk).await.unwrap();
        for (words, index) in [
            ("r.last_changed_at > u.stored_at", "provider_reposit_key"),
            (
                "SELECT r.provider_repository_id, r.full_name FROM repositories r",
                "repositories_",
            ),
            (
                "UPDATE repositories r SET removed_at = $3, last_changed_at = $3 WHERE",
                "repositories_",
            ),
            ("(SELECT connection_id FROM ended)", "connections_pkey"),
        ] {
            let plan = plan(&mut connection, words).await;
            assert!(plan.contains(index), "{index} is not used:\n{plan}");
            for table in ["repositories", "connections"] {
                let whole = format!("Seq Scan on {table}");
                assert!(!plan.contains(&whole), "{words}:\n{plan}");
            }
            assert!(!plan.contains("Nested Loop"), "{words}:\n{plan}");
        }
    });
}
