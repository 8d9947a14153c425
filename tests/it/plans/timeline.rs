//! A timeline is a merge of short stretches of indexes, however long the connection's life was.

use sqlx::{AssertSqlSafe, Executor};

use super::{analyze, by_hand, fill, plan};
use crate::world::run_without_worker;

#[test]
fn a_timeline_reads_one_stretch_of_an_index_per_table() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        fill(&mut connection, &w).await;
        let more = "INSERT INTO token_refreshes (organization_id, connection_id, id, fence, version,
                presentation, reason, holder, started_at, outcome)
             SELECT organization_id, id, gen_random_uuid(), 1, 1, 1, 'sweep', 'h', now(), 'refreshed'
             FROM connections;
             INSERT INTO credential_leases (organization_id, id, connection_organization_id,
                connection_id, credential_version, purpose, created_at, ends_at)
             SELECT organization_id, gen_random_uuid(), organization_id, id, 1, 'p', now(), now()
             FROM connections;
             INSERT INTO token_rotations (organization_id, connection_id, id, version, holder,
                started_at, outcome)
             SELECT organization_id, id, gen_random_uuid(), 1, 'h', now(), 'rotated'
             FROM connections; ANALYZE token_refreshes, credential_leases, token_rotations";
        connection.execute(more).await.unwrap();
        analyze(&mut connection).await;
        let as_tenant = format!(
            "SET ROLE mooring_app; SET mooring.organization = '{}'; SET plan_cache_mode = force_generic_plan",
            w.organization
        );
        connection.execute(AssertSqlSafe(as_tenant)).await.unwrap();
        for words in [
            "ORDER BY id DESC OFFSET $4 LIMIT $6",
            "ORDER BY id ASC OFFSET $4 LIMIT $6",
        ] {
            let plan = plan(&mut connection, words).await;
            for index in [
                "activity_subject",
                "token_refreshes_pkey",
                "token_rotations_pkey",
                "sync_runs_list",
                "credential_leases_timeline",
            ] {
                assert!(plan.contains(index), "{index} is not used:\n{plan}");
            }
            assert!(!plan.contains("Seq Scan"), "{plan}");
            // The one sort is of the page, not of a table.
            assert!(plan.matches("Sort Key").count() <= 1, "{plan}");
        }
    });
}
