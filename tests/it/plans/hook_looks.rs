//! The sweeps of hooks go by index.

use sqlx::{AssertSqlSafe, Executor};

use super::{by_hand, plan};
use crate::world::run_without_worker;

/// Words of a statement, and the indexes it reads by.
const STATEMENTS: &[(&str, &[&str])] = &[
    (
        "WITH stretch AS MATERIALIZED (\n            SELECT id FROM webhook_sources",
        &["webhook_sources_registered", "webhook_sources_pkey"],
    ),
    (
        "WITH due AS MATERIALIZED (\n            SELECT id FROM webhook_sources",
        &["webhook_sources_check", "webhook_sources_pkey"],
    ),
    (
        "WHERE look_since IS NOT NULL AND registered AND id > $1",
        &["webhook_sources_look"],
    ),
    ("WITH refused AS MATERIALIZED", &["webhook_sources_pkey"]),
    (
        "SELECT id FROM hook_removals WHERE created_at <= $1",
        &["hook_removals_old"],
    ),
];

#[test]
fn whose_hooks_are_looked_at_is_read_from_an_index() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let many = format!(
            "INSERT INTO webhook_sources (organization_id, id, registered, created_at, check_asked_at,
                look_since)
             SELECT '{0}', gen_random_uuid(), n % 3 > 0, now(), now() - random() * interval '2 days',
                CASE WHEN n % 500 = 1 THEN now() END FROM generate_series(1, 20000) n;
             INSERT INTO hook_removals (organization_id, id, provider, base_url, auth_method,
                access_token, hooks, created_at)
             SELECT '{0}', gen_random_uuid(), 'github', 'u', 'pat', '', '[]',
                now() - random() * interval '2 days' FROM generate_series(1, 20000) n;
             INSERT INTO webhook_deliveries (organization_id, id, source_id, received_at, id_signed,
                provider, event, delivery_id, body_sha256, headers, body)
             SELECT '{0}', gen_random_uuid(), gen_random_uuid(), now(), true, 'github', 'e', n::text,
                sha256('x'), '{{}}', '' FROM generate_series(1, 20000) n;
             ANALYZE webhook_sources, hook_removals",
            w.organization
        );
        connection.execute(AssertSqlSafe(many)).await.unwrap();
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        connection.execute(as_system).await.unwrap();
        for (words, indexes) in STATEMENTS {
            let plan = plan(&mut connection, words).await;
            for index in *indexes {
                assert!(plan.contains(index), "{index} is not used:\n{plan}");
            }
            assert!(
                !plan.contains("Seq Scan on webhook_sources"),
                "{words}:\n{plan}"
            );
        }
        // As every delivery asks that is handled, in its tenant's name, of a table that nobody analyzed.
        let as_tenant = format!(
            "SET ROLE mooring_app; SET mooring.organization = '{}'",
            w.organization
        );
        connection.execute(AssertSqlSafe(as_tenant)).await.unwrap();
        let turn = "few WHERE few.recovered <> $4";
        let plan = plan(&mut connection, turn).await;
        assert!(plan.contains("webhook_deliveries_repeat"), "{plan}");
    });
}
