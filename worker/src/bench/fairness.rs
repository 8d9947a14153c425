//! How long the jobs of a small organization wait while a large one has a hundred thousand queued.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use shared::clock::Clock;
use shared::queue::{Doorbell, Job};
use sqlx::postgres::PgPool;
use tokio::task::JoinSet;

use super::child::Nothing;
use super::crew::Crew;
use super::drain::organization;
use super::kinds::Busy;
use super::latency::arrive;
use super::queue::{BenchError, QueueBench, broken, clear, number, open};

const LARGE: u32 = 0;
const SMALL: u32 = 1;

/// Between two jobs of the small organization: not always the same, lest it agree with the engine's
/// own looks.
const BETWEEN: [u64; 7] = [87, 113, 94, 106, 91, 109, 100];
/// Until the workers listen, and their first claims are made.
const SETTLE: Duration = Duration::from_millis(1500);

/// What the large organization's jobs do.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Flood {
    /// In words.
    what: &'static str,
    /// How long each takes.
    ms: u64,
    /// Whether their kind says so: such jobs may not take every slot.
    long: bool,
}

const FLOODS: [Flood; 4] = [
    Flood {
        what: "no-op",
        ms: 0,
        long: false,
    },
    Flood {
        what: "5 ms",
        ms: 5,
        long: false,
    },
    Flood {
        what: "1 s",
        ms: 1000,
        long: false,
    },
    Flood {
        what: "1 s, of a kind that is expected to be long",
        ms: 1000,
        long: true,
    },
];

/// One line of the result.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Waits {
    /// What was measured.
    pub what: String,
    /// Jobs that the large organization has queued; topped up when a quarter of them is done.
    pub backlog: u64,
    /// How long each of those takes.
    pub flood_ms: u64,
    /// How many of those ended per second meanwhile.
    pub flood_per_second: f64,
    /// Worker processes.
    pub processes: usize,
    /// Jobs in flight per process.
    pub concurrency: usize,
    /// Jobs of the small organization that were measured.
    pub jobs: u64,
    /// For how long, in seconds.
    pub seconds: f64,
    /// Half of them began within this many milliseconds of being enqueued.
    pub p50_ms: Option<f64>,
    /// 95 of 100 did.
    pub p95_ms: Option<f64>,
    /// 99 of 100 did.
    pub p99_ms: Option<f64>,
    /// All of them did.
    pub most_ms: Option<f64>,
}

/// Measures each kind of flood for `time`, telling each line as it comes.
///
/// # Errors
/// [`BenchError`]; the first ends the bench.
pub async fn fairness(
    bench: &QueueBench,
    backlog: u64,
    time: Duration,
    mut tell: impl FnMut(&Waits),
) -> Result<Vec<Waits>, BenchError> {
    let pool = open(&bench.connect).await?;
    let mut lines = Vec::new();
    for flood in FLOODS {
        clear(&pool).await?;
        let line = one(bench, &pool, flood, backlog, time).await?;
        tell(&line);
        lines.push(line);
    }
    clear(&pool).await?;
    pool.close().await;
    Ok(lines)
}

async fn one(
    bench: &QueueBench,
    pool: &PgPool,
    flood: Flood,
    wanted: u64,
    time: Duration,
) -> Result<Waits, BenchError> {
    let mut backlog = Backlog {
        clock: bench.clock.clone(),
        pool: pool.clone(),
        flood,
        wanted,
        filled: 0,
        filling: JoinSet::new(),
    };
    backlog.top_up(0).await?;
    backlog.settle().await?;
    let mut crew = Crew::start(&bench.worker, &bench.connect, bench.processes).await?;
    let bell = Doorbell::postgres(bench.connect.clone());
    tokio::time::sleep(SETTLE).await;
    let (began, before) = (Instant::now(), crew.done());
    let mut arrivals = JoinSet::new();
    let mut pauses = BETWEEN.iter().cycle();
    while began.elapsed() < time {
        let pause = pauses.next().copied().unwrap_or(100);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        crew.check()?;
        let now = bench.clock.now();
        arrivals.spawn(arrive(pool.clone(), bell.clone(), organization(SMALL), now));
        backlog.top_up(crew.done()).await?;
    }
    let (seconds, after) = (began.elapsed().as_secs_f64(), crew.done());
    while let Some(arrival) = arrivals.join_next().await {
        arrival.map_err(broken)??;
    }
    backlog.settle().await?;
    let waits = crew.end().await?;
    let part = |hundredths: usize| {
        let place = (waits.len() * hundredths / 100).min(waits.len().saturating_sub(1));
        waits.get(place).map(|wait| *wait as f64 / 1000.0)
    };
    Ok(Waits {
        what: format!(
            "fairness: one job in 100 ms while another organization has jobs of {}",
            flood.what
        ),
        backlog: wanted,
        flood_ms: flood.ms,
        flood_per_second: (after - before) as f64 / seconds,
        processes: bench.processes,
        concurrency: bench.concurrency,
        jobs: waits.len() as u64,
        seconds,
        p50_ms: part(50),
        p95_ms: part(95),
        p99_ms: part(99),
        most_ms: part(100),
    })
}

/// What the large organization has queued.
struct Backlog {
    clock: Clock,
    pool: PgPool,
    flood: Flood,
    wanted: u64,
    /// Jobs made so far.
    filled: u64,
    filling: JoinSet<Result<(), BenchError>>,
}

impl Backlog {
    /// Makes it whole again where a quarter is done, beside everything else.
    async fn top_up(&mut self, done: u64) -> Result<(), BenchError> {
        if let Some(filled) = self.filling.try_join_next() {
            filled.map_err(broken)??;
        }
        let left = self.filled.saturating_sub(done);
        if self.filling.is_empty() && left < self.wanted - self.wanted / 4 {
            let (first, more) = (self.filled, self.wanted - left);
            self.filled += more;
            let (pool, flood, now) = (self.pool.clone(), self.flood, self.clock.now());
            self.filling.spawn(insert(pool, flood, first, more, now));
        }
        Ok(())
    }

    /// Waits for what is being filled.
    async fn settle(&mut self) -> Result<(), BenchError> {
        while let Some(filled) = self.filling.join_next().await {
            filled.map_err(broken)??;
        }
        Ok(())
    }
}

/// Jobs of the large organization, due for an hour, in one statement; their ids are in the order of
/// their creation.
async fn insert(
    pool: PgPool,
    flood: Flood,
    first: u64,
    jobs: u64,
    now: DateTime<Utc>,
) -> Result<(), BenchError> {
    let kind = if flood.ms == 0 {
        Nothing::KIND
    } else {
        Busy::KIND
    };
    let payload = if flood.ms == 0 {
        serde_json::json!(Nothing { enqueued_at: 0 })
    } else {
        serde_json::json!(Busy { ms: flood.ms })
    };
    sqlx::query!(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, long, run_at, created_at, payload) \
         SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, 1, 10, $3, \
             $4::timestamptz - interval '1 hour' + n * interval '1 microsecond', $4, $5 \
         FROM generate_series($6::bigint, $7::bigint) AS n",
        organization(LARGE).0,
        kind,
        flood.long,
        now,
        payload,
        number(first) + 1,
        number(first + jobs)
    )
    .execute(&pool)
    .await?;
    Ok(())
}
