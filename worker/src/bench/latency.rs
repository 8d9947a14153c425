//! How fast jobs are enqueued, and how soon one starts.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use shared::domain::ids::OrganizationId;
use shared::queue::{Doorbell, NewJob, enqueue};
use sqlx::postgres::PgPool;

use super::child::{Nothing, Worker};
use super::drain::organization;
use super::queue::{BenchError, Measure, QueueBench};

const ENQUEUED: u64 = 40_000;
const AT_ONCE: u64 = 100;
const PRODUCERS: u64 = 4;

/// Transactions of a hundred jobs each, from four connections.
pub(super) async fn enqueue_rate(bench: &QueueBench, pool: &PgPool) -> Result<Measure, BenchError> {
    let start = Instant::now();
    let mut producers = tokio::task::JoinSet::new();
    for producer in 0..PRODUCERS {
        let (pool, clock) = (pool.clone(), bench.clock.clone());
        producers.spawn(async move {
            for _ in 0..ENQUEUED / PRODUCERS / AT_ONCE {
                let now = clock.now();
                let jobs: Vec<NewJob> = (0..AT_ONCE)
                    .map(|n| {
                        NewJob::new(
                            &Nothing { enqueued_at: 0 },
                            organization((producer * AT_ONCE + n) as u32),
                            now,
                        )
                    })
                    .collect();
                let mut transaction = pool.begin().await?;
                enqueue(&mut transaction, &jobs).await?;
                transaction.commit().await?;
            }
            Ok::<_, BenchError>(())
        });
    }
    while let Some(producer) = producers.join_next().await {
        producer.map_err(|error| sqlx::Error::Protocol(error.to_string()))??;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Measure {
        what: format!("enqueue, {AT_ONCE} per transaction, {PRODUCERS} connections"),
        jobs: ENQUEUED,
        seconds,
        per_second: ENQUEUED as f64 / seconds,
        p50_ms: None,
        p99_ms: None,
    })
}

/// Single jobs, each in its own transaction, at a steady rate; from before its transaction to the
/// first line of its handler.
pub(super) async fn start_latency(
    bench: &QueueBench,
    pool: &PgPool,
    rate: u32,
) -> Result<Measure, BenchError> {
    let mut workers = Vec::new();
    for _ in 0..bench.processes {
        let mut worker = Worker::start((bench.worker)(), &bench.connect).await?;
        worker.go().await?;
        workers.push(worker);
    }
    let bell = Doorbell::postgres(bench.connect.clone());
    // Until the workers listen.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    let mut producers = tokio::task::JoinSet::new();
    let mut jobs: u32 = 0;
    while start.elapsed() < bench.arrivals_for {
        ticks.tick().await;
        let organization = organization(jobs % bench.organizations.max(1));
        jobs += 1;
        let now = bench.clock.now();
        producers.spawn(arrive(pool.clone(), bell.clone(), organization, now));
    }
    while let Some(producer) = producers.join_next().await {
        producer.map_err(|error| sqlx::Error::Protocol(error.to_string()))??;
    }
    let seconds = start.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut waits = Vec::new();
    for worker in workers {
        waits.extend(worker.end().await?);
    }
    waits.sort_unstable();
    let part = |hundredths: usize| {
        waits
            .get((waits.len() * hundredths / 100).min(waits.len().saturating_sub(1)))
            .map(|wait| *wait as f64 / 1000.0)
    };
    Ok(Measure {
        what: format!("start latency at {rate}/s, {} processes", bench.processes),
        jobs: waits.len() as u64,
        seconds,
        per_second: f64::from(jobs) / seconds,
        p50_ms: part(50),
        p99_ms: part(99),
    })
}

/// One job that tells how long it waited, in a transaction of its own, and the bell after it. `now`
/// is when the caller began to wait.
pub(super) async fn arrive(
    pool: PgPool,
    bell: Doorbell,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<(), BenchError> {
    let enqueued_at = now.timestamp_micros();
    let job = NewJob::new(&Nothing { enqueued_at }, organization, now);
    let mut transaction = pool.begin().await?;
    let enqueued = enqueue(&mut transaction, &[job]).await?;
    transaction.commit().await?;
    bell.ring(enqueued.into_iter().map(|job| job.lane));
    Ok(())
}
