//! How fast a backlog is drained.

use shared::domain::ids::OrganizationId;
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::child::{ChildError, Worker};
use super::queue::{BenchError, Measure, QueueBench};

pub(super) fn organization(n: u32) -> OrganizationId {
    OrganizationId(Uuid::from_u128(
        (0x0190_0000_0000_7000_8000 << 48) + u128::from(n),
    ))
}

pub(super) async fn drain(
    bench: &QueueBench,
    pool: &PgPool,
    jobs: u64,
    snapshot: bool,
) -> Result<Measure, BenchError> {
    // Everything that is drained is a dead row version to this one until it ends.
    let mut old = PgConnection::connect_with(&bench.connect).await?;
    let mut old = old.begin().await?;
    if snapshot {
        sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .execute(&mut *old)
            .await?;
        sqlx::query!(r#"SELECT count(*) AS "n!" FROM job_leases"#)
            .fetch_one(&mut *old)
            .await?;
    }
    fill(bench, pool, jobs).await?;
    let mut workers = Vec::new();
    for _ in 0..bench.processes {
        workers.push(Worker::start((bench.worker)(), &bench.connect).await?);
    }
    for worker in &mut workers {
        worker.go().await?;
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut listeners = tokio::task::JoinSet::new();
    let (stop, _) = tokio::sync::broadcast::channel::<()>(1);
    for (place, mut worker) in workers.into_iter().enumerate() {
        let tell = tell.clone();
        let mut stop = stop.subscribe();
        listeners.spawn(async move {
            loop {
                tokio::select! {
                    done = worker.done() => { let _ = tell.send((place, done?)); }
                    _ = stop.recv() => return Ok::<_, ChildError>(worker),
                }
            }
        });
    }
    let mut done = vec![0; bench.processes];
    while done.iter().sum::<u64>() < jobs {
        tokio::select! {
            count = told.recv() => if let Some((place, count)) = count { done[place] = count },
            Some(ended) = listeners.join_next() => {
                ended.map_err(|error| ChildError::Said(error.to_string()))??;
            }
        }
    }
    let _ = stop.send(());
    while let Some(worker) = listeners.join_next().await {
        worker
            .map_err(|error| ChildError::Said(error.to_string()))??
            .end()
            .await?;
    }
    let seconds = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8 AS "seconds!" FROM jobs"#
    )
    .fetch_one(pool)
    .await?;
    old.rollback().await?;
    Ok(Measure {
        what: format!(
            "drain, {} processes, {} organizations{}",
            bench.processes,
            bench.organizations,
            if snapshot { ", old snapshot held" } else { "" }
        ),
        jobs,
        seconds,
        per_second: jobs as f64 / seconds,
        p50_ms: None,
        p99_ms: None,
    })
}

/// Jobs that are due, taken by turns from the organizations, in one statement; their ids are in the
/// order of their creation, as those of real jobs.
async fn fill(bench: &QueueBench, pool: &PgPool, jobs: u64) -> Result<(), BenchError> {
    let organizations: Vec<Uuid> = (0..bench.organizations.max(1))
        .map(|n| organization(n).0)
        .collect();
    sqlx::query!(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload) \
         SELECT ($1::uuid[])[1 + n % array_length($1, 1)], \
             ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'bench_nothing', 1, 10, \
             $2::timestamptz - interval '1 hour' + n * interval '1 microsecond', $2, \
             '{\"enqueued_at\":0}' \
         FROM generate_series(1, $3::bigint) AS n",
        &organizations,
        bench.clock.now(),
        i64::try_from(jobs).unwrap_or(i64::MAX)
    )
    .execute(pool)
    .await?;
    Ok(())
}
