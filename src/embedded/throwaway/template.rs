//! The migrated database that every test database is a copy of.
//!
//! It is named after what it was made from, so it is made once per cluster and set of migrations. Who makes one holds an advisory
//! lock, the same for every template: roles belong to the whole cluster, and two migrations at a time would race to make them.
//! A template is finished when it is marked as one, which also closes it to connections; an unfinished one, left by a run that was
//! killed, is made anew.

use std::fmt::Display;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::embedded::error::EmbeddedError;

/// "mooring" in ASCII: a number that nobody else is likely to lock.
const LOCK: i64 = 0x006d_6f6f_7269_6e67;

/// The template's name for a key.
pub(super) fn name(key: &str) -> String {
    let hash = hex::encode(Sha256::digest(key.as_bytes()));
    format!("mooring_template_{}", &hash[..24])
}

/// Makes the template unless it is there. `migrate` is only called where it must be made.
pub(super) async fn ensure<M, F, E>(
    admin: &PgConnectOptions,
    name: &str,
    owner: &str,
    migrate: M,
) -> Result<(), EmbeddedError>
where
    M: FnOnce() -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut connection = PgConnection::connect_with(admin).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    let made = make(&mut connection, name, owner, migrate).await;
    // Closing gives the lock back.
    connection.close().await?;
    made
}

async fn make<M, F, E>(
    connection: &mut PgConnection,
    name: &str,
    owner: &str,
    migrate: M,
) -> Result<(), EmbeddedError>
where
    M: FnOnce() -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let found: Option<bool> =
        sqlx::query_scalar("SELECT datistemplate FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
    match found {
        Some(true) => return Ok(()),
        Some(false) => run(connection, format!("DROP DATABASE {name} WITH (FORCE)")).await?,
        None => {}
    }
    run(connection, format!("CREATE DATABASE {name} OWNER {owner}")).await?;
    if let Err(error) = migrate().await {
        run(connection, format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        return Err(EmbeddedError::Template(error.to_string()));
    }
    run(
        connection,
        format!("ALTER DATABASE {name} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false"),
    )
    .await?;
    // A pool of the migration may still be open, and a database in use cannot be copied.
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), EmbeddedError> {
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}
