//! `bench queue`: drain rates at several backlogs, with and without an old snapshot held, the rate
//! of enqueueing, and how soon a job starts.
//!
//! Workers are processes of their own, as in production: the caller says how to start one (the
//! program itself, with a hidden subcommand that calls [`super::queue_worker`]). What passes between
//! is lines: the database's address and the word to go in, counts and waits out.

use std::fmt;
use std::time::Duration;

use shared::clock::Clock;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::process::Command;

use super::child::ChildError;
use super::{drain, latency};

/// What to measure, and on what.
pub struct QueueBench {
    /// A database of its own, migrated, with an empty job table; as its owner.
    pub connect: PgConnectOptions,
    /// Backlogs to drain, one after the other.
    pub jobs: Vec<u64>,
    /// Worker processes.
    pub processes: usize,
    /// Organizations that the jobs belong to.
    pub organizations: u32,
    /// Jobs in flight per process.
    pub concurrency: usize,
    /// Whether each backlog is drained once more while an old snapshot stands.
    pub snapshot: bool,
    /// Rates at which single jobs are enqueued to see how soon they start, per second.
    pub arrivals: Vec<u32>,
    /// For how long, each.
    pub arrivals_for: Duration,
    /// Calendar time.
    pub clock: Clock,
    /// Starts a worker process; its input and output are set here.
    pub worker: Box<dyn Fn() -> Command + Send + Sync>,
}

impl fmt::Debug for QueueBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBench")
            .field("jobs", &self.jobs)
            .field("processes", &self.processes)
            .field("organizations", &self.organizations)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// One line of the result.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Measure {
    /// What was measured.
    pub what: String,
    /// Over how many jobs.
    pub jobs: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Jobs per second.
    pub per_second: f64,
    /// Half of the jobs began within this many milliseconds; only where waits were measured.
    pub p50_ms: Option<f64>,
    /// 99 of 100 did.
    pub p99_ms: Option<f64>,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<44} {:>9} jobs {:>8.2} s {:>9.0}/s",
            self.what, self.jobs, self.seconds, self.per_second
        )?;
        if let (Some(p50), Some(p99)) = (self.p50_ms, self.p99_ms) {
            write!(f, "  p50 {p50:.1} ms  p99 {p99:.1} ms")?;
        }
        Ok(())
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The database.
    #[error("the database refused a statement of the bench: {0}")]
    Sql(#[from] sqlx::Error),
    /// Enqueueing.
    #[error("the jobs were not enqueued: {0}")]
    Store(#[from] shared::store::StoreError),
    /// There are jobs that are not ours to drop.
    #[error("the job table is not empty: give the bench a database of its own")]
    NotEmpty,
    /// A worker process.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A part of the bench itself.
    #[error("a part of the bench broke: {0}")]
    Broken(String),
    /// The server could not be ended or started.
    #[error("the database could not be {0}")]
    Outage(String),
}

/// A part that did not come back.
pub(super) fn broken(error: tokio::task::JoinError) -> BenchError {
    BenchError::Broken(error.to_string())
}

/// For the database, whose numbers have a sign.
pub(super) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The database, whose job table must be empty.
pub(super) async fn open(connect: &PgConnectOptions) -> Result<PgPool, BenchError> {
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect_with(connect.clone())
        .await?;
    let any: bool = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM jobs) AS "any!""#)
        .fetch_one(&pool)
        .await?;
    if any {
        return Err(BenchError::NotEmpty);
    }
    Ok(pool)
}

/// Measures, telling each line as it comes.
///
/// # Errors
/// [`BenchError`]; the first ends the bench.
pub async fn queue(
    bench: &QueueBench,
    mut tell: impl FnMut(&Measure),
) -> Result<Vec<Measure>, BenchError> {
    let pool = open(&bench.connect).await?;
    let mut measures = Vec::new();
    let mut note = |measure: Measure| {
        tell(&measure);
        measures.push(measure);
    };
    note(latency::enqueue_rate(bench, &pool).await?);
    for &rate in &bench.arrivals {
        clear(&pool).await?;
        note(latency::start_latency(bench, &pool, rate).await?);
    }
    for &jobs in &bench.jobs {
        clear(&pool).await?;
        note(drain::drain(bench, &pool, jobs, false).await?);
        if bench.snapshot {
            clear(&pool).await?;
            note(drain::drain(bench, &pool, jobs, true).await?);
        }
    }
    clear(&pool).await?;
    pool.close().await;
    Ok(measures)
}

pub(super) async fn clear(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("TRUNCATE jobs").execute(pool).await?;
    Ok(())
}
