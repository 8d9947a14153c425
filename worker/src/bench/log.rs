//! What the jobs of a storm say of themselves, and what must be true of it.
//!
//! At least once is the contract: a job may run any number of times, and several workers may run it
//! at once where all but one of them have lost their lease without knowing it. What can be demanded
//! of the rows nevertheless, once everything has ended and nobody was shut down in order:
//!
//! - *Nothing is lost*: each job has succeeded, and has its effect, once.
//! - *A claim runs once*: no two runs of a job bear the same `fence`.
//! - *Attempts are told once*: no two runs of a job were told the same attempt. (A claim whose answer
//!   was lost, or that found no slot, is given back uncounted: but nothing ran under it. A run that is
//!   cut by an orderly shutdown is uncounted too, which is why there must be none.)
//! - *The row's attempt is the highest that a run was told*: the outcome that stands was accepted
//!   from the last claim alone. The number of runs may be less (a worker died between the claim and
//!   the run, or the run could not write its log since the database was away), never more.
//! - *The outcome that stands is that claim's own*: its run, by fence and attempt, has ended, and not
//!   after the outcome was written. An outcome of a worker that was thought dead, let through for
//!   want of a fence, is older than the end of the run that it speaks for. A result names its fence.
//!
//! The tables are the bench's own and not of the schema, so these statements are checked when they
//! run.

use chrono::{DateTime, Utc};
use shared::domain::ids::JobId;
use sqlx::FromRow;
use sqlx::postgres::PgPool;

/// Makes the tables; to be run by the owner of the schema.
pub(super) async fn create(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "CREATE TABLE bench_effects (job uuid PRIMARY KEY); \
         CREATE TABLE bench_runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
             job uuid NOT NULL, fence integer NOT NULL, attempt smallint NOT NULL, ended_at timestamptz)",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A run begins; its id.
pub(super) async fn begin(
    pool: &PgPool,
    job: JobId,
    fence: i32,
    attempt: i16,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO bench_runs (job, fence, attempt) VALUES ($1, $2, $3) RETURNING id",
    )
    .bind(job.0)
    .bind(fence)
    .bind(attempt)
    .fetch_one(pool)
    .await
}

/// A run has its effect, unless another had it, and ends: both or neither.
pub(super) async fn end(
    pool: &PgPool,
    job: JobId,
    run: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH effect AS (INSERT INTO bench_effects (job) VALUES ($1) ON CONFLICT DO NOTHING) \
         UPDATE bench_runs SET ended_at = $3 WHERE id = $2",
    )
    .bind(job.0)
    .bind(run)
    .bind(now)
    .execute(pool)
    .await?;
    Ok(())
}

/// What rows and log say in the end. See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct Verdicts {
    /// Jobs that have not succeeded: they wait, run, or have failed.
    pub lost: i64,
    /// Jobs that had their effect.
    pub effects: i64,
    /// Runs that were begun and could say so.
    pub runs: i64,
    /// Jobs with more than one.
    pub ran_more_than_once: i64,
    /// Most runs of one job.
    pub most_runs: i64,
    /// Jobs of which one claim ran twice.
    pub claims_run_twice: i64,
    /// Jobs of which two runs were told the same attempt.
    pub attempts_told_twice: i64,
    /// Jobs whose row names another attempt than the highest that a run was told.
    pub attempts_untrue: i64,
    /// Jobs with more runs than their row has attempts.
    pub runs_uncounted: i64,
    /// Jobs whose outcome is not that of the claim that their row names.
    pub outcomes_of_others: i64,
}

impl Verdicts {
    /// Whether everything that was promised is true of so many jobs.
    #[must_use]
    pub fn hold(&self, jobs: i64) -> bool {
        let kept = Self {
            effects: jobs,
            runs: self.runs,
            ran_more_than_once: self.ran_more_than_once,
            most_runs: self.most_runs,
            ..Self::default()
        };
        *self == kept
    }
}

/// Compares rows and log; `jobs` is how many there must be.
pub(super) async fn judge(pool: &PgPool, jobs: i64) -> Result<Verdicts, sqlx::Error> {
    sqlx::query_as(
        "WITH told AS (
            SELECT job, count(*) AS runs, count(DISTINCT fence) AS fences,
                count(DISTINCT attempt) AS attempts, max(attempt) AS highest
            FROM bench_runs GROUP BY job
        ), own AS (
            SELECT j.id FROM jobs j JOIN bench_runs r
                ON r.job = j.id AND r.fence = j.fence AND r.attempt = j.attempt
            WHERE r.ended_at <= j.finished_at
                AND (j.result IS NULL OR (j.result ->> 'fence')::integer = j.fence)
        )
        SELECT $1 - count(*) FILTER (WHERE j.status = 2) AS lost,
            (SELECT count(*) FROM bench_effects) AS effects,
            (SELECT count(*) FROM bench_runs) AS runs,
            count(*) FILTER (WHERE t.runs > 1) AS ran_more_than_once,
            COALESCE(max(t.runs), 0) AS most_runs,
            count(*) FILTER (WHERE t.fences < t.runs) AS claims_run_twice,
            count(*) FILTER (WHERE t.attempts < t.runs) AS attempts_told_twice,
            count(*) FILTER (WHERE t.highest IS DISTINCT FROM j.attempt) AS attempts_untrue,
            count(*) FILTER (WHERE t.runs > j.attempt) AS runs_uncounted,
            count(*) FILTER (WHERE j.status = 2 AND o.id IS NULL) AS outcomes_of_others
        FROM jobs j LEFT JOIN told t ON t.job = j.id LEFT JOIN own o ON o.id = j.id",
    )
    .bind(jobs)
    .fetch_one(pool)
    .await
}
