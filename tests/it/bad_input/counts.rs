//! How many rows there are, of everything.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::world::World;

/// Rows per table, as the owner of the schema sees them.
pub async fn rows(w: &World) -> BTreeMap<String, i64> {
    let mut owner = PgConnection::connect_with(&w.options).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        rows.insert(table, count);
    }
    rows
}
