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
        let plan = plan(&mut connection, "warn_at <= $3").await;
        assert!(plan.contains("credentials_warn"), "{plan}");
        assert!(
            !plan.contains("Seq Scan") && !plan.contains("Sort"),
            "{plan}"
        );
    });
}
