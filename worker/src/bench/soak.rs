//! `bench queue --soak`: jobs arrive at a steady rate for a long time, old ones are deleted as the
//! product deletes them, and the table and its indexes are looked at: whether they grow for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use shared::clock::Clock;
use shared::domain::ids::JobId;
use shared::queue::{Doorbell, NewJob, enqueue};
use shared::store::sweeps::{self, Old};
use shared::store::{Db, PoolSizes};
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::child::Nothing;
use super::crew::Crew;
use super::drain::organization;
use super::queue::{BenchError, QueueBench, broken, open};

/// Jobs are enqueued in transactions this often.
const TICK: Duration = Duration::from_millis(100);
const TICKS_PER_SECOND: u64 = 10;
/// The table is looked at this often, at the start and at the end besides.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Old jobs are deleted this often.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Jobs that one deleting statement looks at, as in the product.
const STRETCH: i64 = 2_000;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// For how long.
    pub time: Duration,
    /// Jobs per second.
    pub rate: u32,
    /// How long jobs stay once they have ended.
    pub keep: Duration,
}

/// One line of the result.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Look {
    /// What was done.
    pub what: String,
    /// Which look: `start`, `minute`, `middle`, `end`.
    pub at: &'static str,
    /// Since the start, in seconds.
    pub seconds: f64,
    /// Jobs per second that were to be enqueued.
    pub rate: u32,
    /// Jobs that were.
    pub enqueued: u64,
    /// Per second, since the look before.
    pub enqueued_per_second: f64,
    /// Jobs that ended.
    pub done: u64,
    /// Per second, since the look before.
    pub done_per_second: f64,
    /// Jobs that wait or run.
    pub open: u64,
    /// How long jobs stay once they have ended, in seconds.
    pub keep_seconds: f64,
    /// Rows, as the server estimates them.
    pub rows: i64,
    /// Dead versions of rows, as the server estimates them.
    pub dead: i64,
    /// The table without its indexes, in bytes.
    pub table_bytes: i64,
    /// Each index, in bytes.
    pub index_bytes: BTreeMap<String, i64>,
}

/// Soaks, telling each line as it comes.
///
/// # Errors
/// [`BenchError`]; the first ends the bench.
pub async fn soak(
    bench: &QueueBench,
    soak: Soak,
    mut tell: impl FnMut(&Look),
) -> Result<Vec<Look>, BenchError> {
    let pool = open(&bench.connect).await?;
    let mut crew = Crew::start(&bench.worker, &bench.connect, bench.processes).await?;
    let mut sweeper = JoinSet::new();
    sweeper.spawn(sweep(
        bench.connect.clone(),
        bench.clock.clone(),
        bench.organizations.max(1),
        soak.keep,
    ));
    let bell = Doorbell::postgres(bench.connect.clone());
    let began = Instant::now();
    let mut ticks = interval(TICK);
    // What was held up is made up for: the rate is to hold.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut looks: Vec<Look> = Vec::new();
    let mut arrived = Arrived::default();
    let mut plan = soak.looks().into_iter().peekable();
    while let Some((when, at)) = plan.peek().copied() {
        if began.elapsed() >= when {
            plan.next();
            let counts = (began.elapsed(), arrived.jobs, crew.done());
            let line = look(&pool, bench, soak, at, looks.last(), counts).await?;
            tell(&line);
            looks.push(line);
            continue;
        }
        ticks.tick().await;
        crew.check()?;
        if let Some(ended) = sweeper.try_join_next() {
            ended.map_err(broken)??;
        }
        let mut transaction = pool.begin().await?;
        let enqueued = enqueue(&mut transaction, &arrived.next(bench, soak.rate)).await?;
        transaction.commit().await?;
        bell.ring(enqueued.into_iter().map(|job| job.lane));
    }
    sweeper.abort_all();
    crew.end().await?;
    pool.close().await;
    Ok(looks)
}

/// What has arrived so far.
#[derive(Default)]
struct Arrived {
    ticks: u64,
    jobs: u64,
}

impl Arrived {
    /// The jobs of the next tick; no fraction of one is lost.
    fn next(&mut self, bench: &QueueBench, rate: u32) -> Vec<NewJob> {
        self.ticks += 1;
        let wanted = u64::from(rate) * self.ticks / TICKS_PER_SECOND;
        let first = std::mem::replace(&mut self.jobs, wanted);
        let organizations = u64::from(bench.organizations.max(1));
        (first..wanted)
            .map(|n| {
                let owner = organization(u32::try_from(n % organizations).unwrap_or(0));
                NewJob::new(&Nothing { enqueued_at: 0 }, owner, bench.clock.now())
            })
            .collect()
    }
}

impl Soak {
    /// When to look, and what that is called.
    fn looks(&self) -> Vec<(Duration, &'static str)> {
        let mut looks = vec![
            (Duration::ZERO, "start"),
            (self.time / 2, "middle"),
            (self.time, "end"),
        ];
        let mut minute = LOOK_EVERY;
        while minute < self.time {
            if minute != self.time / 2 {
                looks.push((minute, "minute"));
            }
            minute += LOOK_EVERY;
        }
        looks.sort_unstable();
        looks
    }
}

/// `counts`: since the start, jobs that arrived, jobs that were done.
async fn look(
    pool: &PgPool,
    bench: &QueueBench,
    soak: Soak,
    at: &'static str,
    before: Option<&Look>,
    counts: (Duration, u64, u64),
) -> Result<Look, BenchError> {
    let table = sqlx::query!(
        r#"SELECT n_live_tup AS "rows!", n_dead_tup AS "dead!", pg_table_size(relid) AS "bytes!"
         FROM pg_stat_user_tables WHERE relid = 'jobs'::regclass"#
    )
    .fetch_one(pool)
    .await?;
    let indexes = sqlx::query!(
        r#"SELECT indexrelname::text AS "name!", pg_relation_size(indexrelid) AS "bytes!"
         FROM pg_stat_user_indexes WHERE relid = 'jobs'::regclass"#
    )
    .fetch_all(pool)
    .await?;
    let (since, arrived, done) = counts;
    let seconds = since.as_secs_f64();
    let (earlier, arrived_before, done_before) =
        before.map_or((0.0, 0, 0), |look| (look.seconds, look.enqueued, look.done));
    let per_second = |now: u64, then: u64| {
        let time = (seconds - earlier).max(f64::EPSILON);
        if before.is_some() {
            now.saturating_sub(then) as f64 / time
        } else {
            0.0
        }
    };
    Ok(Look {
        what: format!(
            "soak, {} processes, {} organizations",
            bench.processes, bench.organizations
        ),
        at,
        seconds,
        rate: soak.rate,
        enqueued: arrived,
        enqueued_per_second: per_second(arrived, arrived_before),
        done,
        done_per_second: per_second(done, done_before),
        open: arrived.saturating_sub(done),
        keep_seconds: soak.keep.as_secs_f64(),
        rows: table.rows,
        dead: table.dead,
        table_bytes: table.bytes,
        index_bytes: indexes
            .into_iter()
            .map(|index| (index.name, index.bytes))
            .collect(),
    })
}

/// Deletes what ended longer than `keep` ago, as the product's sweep does, for as long as it is let.
async fn sweep(
    connect: PgConnectOptions,
    clock: Clock,
    organizations: u32,
    keep: Duration,
) -> Result<(), BenchError> {
    let db = Db::connect(connect, PoolSizes { app: 1, system: 1 }).await?;
    let system = db.system();
    let keep = TimeDelta::from_std(keep).unwrap_or(TimeDelta::days(1));
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let before = clock.now() - keep;
        let old = Old {
            ended: before,
            failed: before,
        };
        for n in 0..organizations {
            let mut after = Some(JobId(Uuid::nil()));
            while let Some(job) = after {
                let looked = sweeps::delete_old_jobs(&system, organization(n), job, old, STRETCH);
                after = looked.await?.last;
            }
        }
    }
}
