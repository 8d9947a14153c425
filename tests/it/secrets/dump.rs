//! Every row of every table, as the owner of the schema sees it.

use std::fmt::Write;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::world::World;

/// Once with bytes in hexadecimal digits and once as text where they are text.
pub async fn everything(w: &World) -> String {
    let mut owner = PgConnection::connect_with(&w.options).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let mut dump = String::new();
    for form in ["hex", "escape"] {
        let sql = format!("SET bytea_output = {form}");
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
        for table in &tables {
            let sql = format!("SELECT t::text FROM {table} t");
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_all(&mut owner)
                .await
                .unwrap();
            for row in rows {
                writeln!(dump, "{table} {row}").unwrap();
            }
        }
    }
    dump
}
