//! The inbox is read and emptied by index, however much lies in it.

use sqlx::{AssertSqlSafe, Executor};

use super::plan;
use crate::upkeep::by_hand;
use crate::world::run_without_worker;

#[test]
fn the_inbox_goes_by_index() {
    run_without_worker(|w| async move {
        let mut connection = by_hand(&w).await;
        let fill = format!(
            "INSERT INTO webhook_deliveries (organization_id, id, source_id, connection_id, received_at, status,
                 id_signed, provider, event, delivery_id, body_sha256, headers, body)
             SELECT '{0}', gen_random_uuid(), s, s, now(), 1, false, 'github', 'push', n::text,
                 sha256(n::text::bytea), '{{}}', ''
             FROM generate_series(1, 20000) n
             CROSS JOIN LATERAL (SELECT md5((n % 50)::text)::uuid AS s) of;
             ANALYZE webhook_deliveries",
            w.organization
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
        let as_system = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan";
        let as_tenant = format!(
            "RESET ROLE; SET ROLE mooring_app; SET mooring.organization = '{}'",
            w.organization
        );
        for (role, statements) in [
            (
                as_system.to_owned(),
                vec![
                    (
                        "WITH RECURSIVE owner(organization_id, received_at",
                        "webhook_deliveries_pkey",
                    ),
                    ("DELETE FROM webhook_deliveries", "webhook_deliveries_pkey"),
                    (
                        "WITH ORDINALITY AS r(id, source_id",
                        "webhook_deliveries_repeat",
                    ),
                    (
                        "WITH ORDINALITY AS r(id, source_id",
                        "webhook_deliveries_bytes",
                    ),
                    (
                        "SELECT DISTINCT delivery_id FROM webhook_deliveries",
                        "webhook_deliveries_repeat",
                    ),
                ],
            ),
            (
                as_tenant,
                vec![
                    (
                        "FROM webhook_deliveries WHERE id < $1",
                        "webhook_deliveries_pkey",
                    ),
                    (
                        "FROM webhook_deliveries WHERE id > $1",
                        "webhook_deliveries_pkey",
                    ),
                    (
                        "FROM webhook_deliveries WHERE connection_id = $1 AND id < $2",
                        "webhook_deliveries_connection",
                    ),
                    (
                        "FROM webhook_deliveries WHERE connection_id = $1 AND id > $2",
                        "webhook_deliveries_connection",
                    ),
                ],
            ),
        ] {
            connection.execute(AssertSqlSafe(role)).await.unwrap();
            for (words, index) in statements {
                let plan = plan(&mut connection, words).await;
                assert!(
                    plan.contains(index),
                    "{words}: {index} is not used:\n{plan}"
                );
                assert!(
                    !plan.contains("Seq Scan on webhook_deliveries"),
                    "{words}:\n{plan}"
                );
            }
        }
    });
}
