//! Migrations, and the two roles that they grant to.
//!
//! Roles belong to the whole cluster, so two databases (or two test runs) may migrate at once: an
//! advisory lock is per database, hence a lost race for a role is taken as success. From Postgres
//! 16 on, CREATEROLE alone does not give the right to SET ROLE, so the grant is explicit.

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use super::connect::behind_transaction_pooler;
use super::error::StoreError;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// The oldest server that is served.
const OLDEST: i32 = 130_000;

/// Any number: the lock of whoever migrates this database.
const LOCK: i64 = 0x6d6f_6f72_696e_6701;

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No answer.
    #[error("the database of DATABASE_URL cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// Too old.
    #[error("DATABASE_URL is a Postgres {found}; Mooring needs 13 or later")]
    TooOld {
        /// The server's own version number.
        found: String,
    },
    /// PgBouncer or the like in transaction mode.
    #[error(
        "DATABASE_URL leads through a pooler in transaction mode, which breaks SET ROLE, prepared \
         statements and LISTEN; give the address of Postgres itself, or a pooler in session mode"
    )]
    Pooler,
    /// The roles are missing and may not be made.
    #[error(
        "the role {user} of DATABASE_URL may not create roles; let a DBA run, once per cluster:\n  \
         CREATE ROLE mooring_app NOLOGIN;\n  CREATE ROLE mooring_system NOLOGIN;\n  \
         GRANT mooring_app, mooring_system TO \"{user}\";\nthen run `mooring migrate` again"
    )]
    RolesMissing {
        /// The role that connects.
        user: String,
    },
    /// A newer version migrated this database.
    #[error("this database was migrated by a later version of Mooring ({0}); run that version")]
    Newer(String),
    /// A migration failed and was rolled back.
    #[error("a migration failed and was rolled back: {0}")]
    Failed(String),
}

/// Brings the schema up to date; does nothing where it is. Safe to call from many processes.
///
/// # Errors
/// [`MigrateError`], each with what to do.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .map_err(MigrateError::Unreachable)?;
    check_version(&mut connection).await?;
    if behind_transaction_pooler(options)
        .await
        .map_err(MigrateError::Unreachable)?
    {
        return Err(MigrateError::Pooler);
    }
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await
        .map_err(MigrateError::Unreachable)?;
    ensure_roles(&mut connection).await?;
    let outcome = MIGRATOR.run(&mut connection).await;
    // Closing the connection gives the lock back.
    connection.close().await.ok();
    outcome.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(version) => {
            MigrateError::Newer(version.to_string())
        }
        other => MigrateError::Failed(other.to_string()),
    })
}

/// How many migrations this database lacks; all of them where none was ever applied.
///
/// # Errors
/// [`StoreError`] where the database does not answer.
pub async fn missing_migrations(options: &PgConnectOptions) -> Result<usize, StoreError> {
    let mut connection = PgConnection::connect_with(options).await?;
    let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(&mut connection)
        .await;
    connection.close().await.ok();
    let applied: Vec<i64> = match applied {
        Ok(applied) => applied,
        // 42P01: no such table.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let missing = MIGRATOR
        .iter()
        .filter(|migration| !applied.contains(&migration.version));
    Ok(missing.count())
}

/// A short name of the schema that these migrations make: equal hashes, equal schemas.
#[must_use]
pub fn migrations_hash() -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for migration in MIGRATOR.iter() {
        hash.update(migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    hex::encode(&hash.finalize()[..8])
}

async fn check_version(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (number, text): (String, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num'), current_setting('server_version')",
    )
    .fetch_one(connection)
    .await
    .map_err(MigrateError::Unreachable)?;
    if number.parse::<i32>().is_ok_and(|version| version >= OLDEST) {
        Ok(())
    } else {
        Err(MigrateError::TooOld { found: text })
    }
}

async fn ensure_roles(connection: &mut PgConnection) -> Result<(), MigrateError> {
    for role in ["mooring_app", "mooring_system"] {
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(role)
                .fetch_one(&mut *connection)
                .await
                .map_err(MigrateError::Unreachable)?;
        if !known {
            let create = if role == "mooring_app" {
                "CREATE ROLE mooring_app NOLOGIN"
            } else {
                "CREATE ROLE mooring_system NOLOGIN"
            };
            if let Err(error) = connection.execute(create).await {
                accept_lost_race(connection, error).await?;
            }
        }
    }
    let member: bool = sqlx::query_scalar(
        "SELECT pg_has_role(CURRENT_USER, 'mooring_app', 'MEMBER') \
            AND pg_has_role(CURRENT_USER, 'mooring_system', 'MEMBER') \
            AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER)",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(MigrateError::Unreachable)?;
    if !member
        && let Err(error) = connection
            .execute("GRANT mooring_app, mooring_system TO CURRENT_USER")
            .await
    {
        accept_lost_race(connection, error).await?;
    }
    Ok(())
}

/// 42710 and 23505: another process made the role or the grant first; XX000 is Postgres' "tuple
/// concurrently updated" for the same race. 42501: we may not.
async fn accept_lost_race(
    connection: &mut PgConnection,
    error: sqlx::Error,
) -> Result<(), MigrateError> {
    let code = error
        .as_database_error()
        .and_then(|e| e.code().map(|c| c.into_owned()));
    match code.as_deref() {
        Some("42710" | "23505" | "XX000") => Ok(()),
        Some("42501") => {
            let user: String = sqlx::query_scalar("SELECT CURRENT_USER::text")
                .fetch_one(connection)
                .await
                .map_err(MigrateError::Unreachable)?;
            Err(MigrateError::RolesMissing { user })
        }
        _ => Err(MigrateError::Failed(error.to_string())),
    }
}
