//! Rings over Redis, on a server of the test's own: heard, done without, and nothing lost with it.

use std::time::{Duration, Instant};

use shared::domain::job::JobStatus;
use shared::queue::Doorbell;
use sqlx::postgres::PgConnectOptions;

use super::redis_server::Server;
use super::support::{Act, Bed, Quick, bed, organization};

/// A bed whose engines hear Redis, and whose bell rings there first.
async fn over_redis(server: &Server) -> Bed {
    let bed = bed().await;
    Bed {
        redis: Some(server.redis()),
        bell: Doorbell::over(Some(server.redis()), bed.options.clone()),
        ..bed
    }
}

/// How long jobs wait from their commit to their start: the middle of nine.
async fn median_wait(bed: &Bed) -> Duration {
    let mut waits = Vec::new();
    for _ in 0..9 {
        // At no fixed distance from the engine's own looks.
        tokio::time::sleep(Duration::from_millis(130)).await;
        let start = Instant::now();
        let org = organization(1);
        let id = bed.one(org, bed.job(org, &Quick(Act::Done))).await;
        bed.probe.until_run(id, 1).await;
        waits.push(start.elapsed());
    }
    waits.sort_unstable();
    waits[4]
}

/// Far from what the look of once a second takes, which is half a second in the middle.
const PROMPT: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_over_redis_starts_a_job_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bed = over_redis(&server).await;
    // Its other wire leads nowhere, so that it is Redis that is heard.
    let nowhere = PgConnectOptions::new().socket("/nonexistent");
    let bed = Bed {
        bell: Doorbell::over(Some(server.redis()), nowhere),
        ..bed
    };
    let engine = bed.start();
    let subscribed = Instant::now();
    while !server.say("PUBSUB CHANNELS").await.contains("mooring_jobs") {
        assert!(subscribed.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let wait = median_wait(&bed).await;
    assert!(wait < PROMPT, "{wait:?}");
    engine.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_gone_jobs_start_as_promptly_over_postgres() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let bed = over_redis(&server).await;
    let engine = bed.start();
    let wait = median_wait(&bed).await;
    assert!(wait < PROMPT, "with it: {wait:?}");
    server.kill();
    let wait = median_wait(&bed).await;
    assert!(wait < PROMPT, "without it: {wait:?}");
    server.restart().await;
    let wait = median_wait(&bed).await;
    assert!(wait < PROMPT, "with it again: {wait:?}");
    engine.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_loses_nothing() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bed = over_redis(&server).await;
    let engine = bed.start();
    let org = organization(1);
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(bed.one(org, bed.job(org, &Quick(Act::Done))).await);
        if n % 50 == 25 {
            assert_eq!(server.say("FLUSHALL").await, "+OK\r\n");
        }
    }
    assert_eq!(
        server.say("DBSIZE").await,
        ":0\r\n",
        "it holds nothing at all"
    );
    for id in ids {
        bed.until(org, id, JobStatus::Succeeded).await;
        assert_eq!(bed.probe.runs(id).len(), 1);
    }
    engine.shutdown(Duration::from_secs(5)).await;
}
