//! A task's own connection: made when needed, pinned to plans that stay right at any size of the
//! table, given up at the first error.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The planner sees an almost empty partial index and a table it last counted when it was small, or
/// the reverse; every statement of the engine is right by index and nested loop alone.
const PINNED: &str = "SET ROLE mooring_system; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET enable_bitmapscan = off; SET jit = off; SET max_parallel_workers_per_gather = 0";

pub(crate) struct Link {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    failures: u32,
    what: &'static str,
}

impl Link {
    pub(crate) fn new(options: &PgConnectOptions, what: &'static str) -> Self {
        Self {
            options: options.clone().application_name(&format!("mooring {what}")),
            connection: None,
            failures: 0,
            what,
        }
    }

    /// The connection, made if there is none.
    pub(crate) async fn get(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        match self.connection {
            Some(ref mut connection) => Ok(connection),
            None => {
                let mut connection = PgConnection::connect_with(&self.options).await?;
                connection.execute(AssertSqlSafe(PINNED)).await?;
                Ok(self.connection.insert(connection))
            }
        }
    }

    /// Whether a connection stands.
    pub(crate) fn stands(&self) -> bool {
        self.connection.is_some()
    }

    /// A statement went well.
    pub(crate) fn good(&mut self) {
        if self.failures > 0 {
            tracing::info!(task = self.what, "the database answers again");
            self.failures = 0;
        }
    }

    /// A statement failed: the connection is given up, and the next try waits a little, longer each
    /// time, at most a second.
    pub(crate) async fn failed(&mut self, error: &LinkError) {
        self.connection = None;
        self.failures += 1;
        if self.failures == 1 {
            tracing::warn!(task = self.what, %error, "a statement of the job engine failed; trying again");
        } else {
            tracing::debug!(task = self.what, %error, failures = self.failures, "still failing");
        }
        let wait = 20_u64.saturating_mul(1 << self.failures.min(6)).min(1000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }

    /// Says good-bye to the server.
    pub(crate) async fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
        }
    }
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("no answer within {0:?}")]
    Late(Duration),
}

impl LinkError {
    /// Whether the server refused the values as such: the same statement will fail again.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| code.starts_with("22") || code.starts_with("23")),
            Self::Sql(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }
}

/// Runs one exchange with a deadline: a connection whose other end is gone without a word must not
/// hold its task.
pub(crate) async fn within<T>(
    deadline: Duration,
    exchange: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, LinkError> {
    match tokio::time::timeout(deadline, exchange).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(LinkError::Late(deadline)),
    }
}
