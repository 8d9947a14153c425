//! One tenant does not starve another, and limits per connection hold over all workers.

use std::time::{Duration, Instant};

use shared::domain::ids::ConnectionId;
use shared::domain::job::Priority;
use shared::queue::NewJob;
use uuid::Uuid;
use worker::Engine;

use super::support::{Act, Bed, Long, Quick, Sync, bed, organization};

/// How long jobs of a small tenant wait while a large one has thousands queued: the worst of some.
async fn worst_wait(bed: &Bed, flood: Act, tries: u32) -> Duration {
    let (large, small) = (organization(1), organization(2));
    let jobs: Vec<NewJob> = (0..3000)
        .map(|_| bed.job(large, &Quick(flood.clone())))
        .collect();
    bed.enqueue(large, &jobs).await;
    let start = || {
        let mut options = bed.options();
        options.concurrency = 20;
        Engine::start(options)
    };
    let engines = [start(), start()];
    // The first makes the engine remember that there is another tenant.
    let first = bed.one(small, bed.job(small, &Quick(Act::Done))).await;
    bed.probe.until_run(first, 1).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut worst = Duration::ZERO;
    for _ in 0..tries {
        let asked = Instant::now();
        let id = bed.one(small, bed.job(small, &Quick(Act::Done))).await;
        bed.probe.until_run(id, 1).await;
        let wait = bed.probe.runs(id)[0].at - asked;
        worst = worst.max(wait);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert!(
        bed.probe.all().len() < 3000,
        "the flood was over too soon to tell"
    );
    for engine in engines {
        engine.shutdown(Duration::ZERO).await;
    }
    worst
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_tenants_jobs_do_not_wait_behind_a_large_ones_slow_jobs() {
    let bed = bed().await;
    let worst = worst_wait(&bed, Act::Sleep { ms: 1000 }, 20).await;
    assert!(worst < Duration::from_millis(500), "{worst:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organization_alone_uses_every_slot_and_three_quarters_beside_another() {
    let bed = bed().await;
    let (large, small) = (organization(1), organization(2));
    let mut options = bed.options();
    options.concurrency = 16;
    let engine = Engine::start(options);
    let flood = |n: usize| {
        (0..n)
            .map(|_| bed.job(large, &Quick(Act::Sleep { ms: 50 })))
            .collect::<Vec<_>>()
    };
    bed.enqueue(large, &flood(64)).await;
    engine.idle().await.unwrap();
    assert_eq!(bed.probe.most_at_once(large), 16);
    let waits: Vec<_> = (0..40)
        .map(|_| bed.job(small, &Quick(Act::Sleep { ms: 50 })))
        .collect();
    bed.enqueue(small, &waits).await;
    bed.probe.until_run(waits[0].id(), 1).await;
    bed.probe.forget_most();
    bed.enqueue(large, &flood(64)).await;
    engine.idle().await.unwrap();
    assert!(
        bed.probe.most_at_once(large) <= 12,
        "{}",
        bed.probe.most_at_once(large)
    );
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slot_in_eight_is_kept_free_of_long_jobs() {
    let bed = bed().await;
    let (large, small) = (organization(1), organization(2));
    let engine = bed.start();
    let long: Vec<_> = (0..40)
        .map(|_| bed.job(large, &Long(Act::Sleep { ms: 700 })))
        .collect();
    bed.enqueue(large, &long).await;
    bed.probe.until_run(long[13].id(), 1).await;
    let asked = Instant::now();
    let id = bed.one(small, bed.job(small, &Quick(Act::Done))).await;
    bed.probe.until_run(id, 1).await;
    let wait = bed.probe.runs(id)[0].at - asked;
    assert!(wait < Duration::from_millis(300), "{wait:?}");
    assert_eq!(bed.probe.most_at_once(large), 14, "of 16");
    engine.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connections_limit_holds_over_two_workers_and_does_not_block_others() {
    let bed = bed().await;
    let org = organization(1);
    let connections: Vec<ConnectionId> =
        (1..=5).map(|n| ConnectionId(Uuid::from_u128(n))).collect();
    let mut jobs = Vec::new();
    for round in 0..8 {
        for connection in &connections {
            let priority = if round % 2 == 0 {
                Priority::Sync
            } else {
                Priority::Interactive
            };
            jobs.push(
                bed.job(org, &Sync(Act::Sleep { ms: 40 }))
                    .connection(*connection)
                    .priority(priority),
            );
        }
    }
    bed.enqueue(org, &jobs).await;
    let engines = [bed.start(), bed.start()];
    let most = tokio::spawn({
        let pool = bed.owner.clone();
        async move {
            let mut most = 0_i64;
            loop {
                let (limited, left): (Option<i64>, i64) = sqlx::query_as(
                    "SELECT max(n), (SELECT count(*) FROM jobs WHERE status < 2) FROM \
                     (SELECT count(*) AS n FROM jobs WHERE status = 1 GROUP BY connection_id) c",
                )
                .fetch_one(&pool)
                .await
                .unwrap();
                most = most.max(limited.unwrap_or(0));
                if left == 0 {
                    return most;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    });
    let start = Instant::now();
    engines[0].idle().await.unwrap();
    let took = start.elapsed();
    assert_eq!(
        most.await.unwrap(),
        1,
        "never two at once for one connection"
    );
    assert_eq!(bed.probe.all().len(), jobs.len());
    assert!(
        bed.probe.most_at_once(org) >= 4,
        "connections run beside each other"
    );
    assert!(took < Duration::from_secs(6), "{took:?}");
    for engine in engines {
        engine.shutdown(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_higher_class_goes_first() {
    let bed = bed().await;
    let org = organization(1);
    let jobs: Vec<NewJob> = [
        Priority::Sweep,
        Priority::Sync,
        Priority::Lifecycle,
        Priority::Webhook,
        Priority::Interactive,
    ]
    .into_iter()
    .map(|priority| {
        bed.job(org, &Quick(Act::Sleep { ms: 20 }))
            .priority(priority)
    })
    .collect();
    bed.enqueue(org, &jobs).await;
    let mut options = bed.options();
    options.concurrency = 1;
    let engine = Engine::start(options);
    engine.idle().await.unwrap();
    let order: Vec<_> = bed.probe.all().iter().map(|seen| seen.job).collect();
    assert_eq!(order, jobs.iter().rev().map(NewJob::id).collect::<Vec<_>>());
    engine.shutdown(Duration::from_secs(1)).await;
}
