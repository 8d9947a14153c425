//! The sweeps of ends go by index.

use sqlx::{AssertSqlSafe, Executor};

use super::{analyze, by_hand, fill, plan};
use crate::world::run_without_worker;

#[test]
fn whose_end_has_to_be_told_of_is_read_from_an_index() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        fill(&mut connection, &w).await;
        let more =
            "INSERT INTO credentials (organization_id, connection_id, expires_at, obtained_at,
                updated_at)
             SELECT organization_id, id, now() + random() * interval '300 days', now(), now()
             FROM connections; ANALYZE credentials";
        connection.execute(more).await.unwrap();
        analyze(&mut connection).await;
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        connection.execute(AssertSqlSafe(as_system)).await.unwrap();
        let plan = plan(
            &mut connection,
            "FROM credentials\n         WHERE warn_at IS NOT NULL",
        )
        .await;
        assert!(plan.contains("credentials_warn"), "{plan}");
        assert!(
            !plan.contains("Seq Scan") && !plan.contains("Sort"),
            "{plan}"
        );
    });
}

#[test]
fn whose_client_secret_ends_is_read_from_an_index() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let many = format!(
            "INSERT INTO provider_configs (organization_id, id, provider, base_url, client_id,
                client_secret, client_secret_expires_at, created_at, updated_at)
             SELECT '{}', gen_random_uuid(), 'gitlab', 'https://' || n, 'c', 'x',
                now() + random() * interval '300 days', now(), now()
             FROM generate_series(1, 20000) n; ANALYZE provider_configs",
            w.organization
        );
        connection.execute(AssertSqlSafe(many)).await.unwrap();
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        connection.execute(as_system).await.unwrap();
        let plan = plan(
            &mut connection,
            "FROM provider_configs\n         WHERE warn_at",
        )
        .await;
        assert!(plan.contains("provider_configs_warn"), "{plan}");
        assert!(
            !plan.contains("Seq Scan") && !plan.contains("Sort"),
            "{plan}"
        );
    });
}
