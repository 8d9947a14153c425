//! The end of a worker.

use std::time::{Duration, Instant};

use shared::domain::job::JobStatus;

use super::support::{Act, Long, Quick, bed, organization};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_ends_what_was_not_started_is_given_back_what_is_cut_is_queued_again() {
    let bed = bed().await;
    let org = organization(1);
    let mut options = bed.options();
    options.concurrency = 4;
    let engine = worker::Engine::start(options);
    // Enough quick ones first that the worker fetches ahead.
    let quick: Vec<_> = (0..2000).map(|_| bed.job(org, &Quick(Act::Done))).collect();
    bed.enqueue(org, &quick).await;
    let slow: Vec<_> = (0..400)
        .map(|_| bed.job(org, &Quick(Act::Sleep { ms: 300 })))
        .collect();
    bed.enqueue(org, &slow).await;
    bed.probe.until_run(slow[0].id(), 1).await;
    let cut = bed
        .one(
            org,
            bed.job(org, &Quick(Act::Sleep { ms: 60_000 }))
                .priority(shared::domain::job::Priority::Interactive),
        )
        .await;
    bed.probe.until_run(cut, 1).await;
    let start = Instant::now();
    engine.shutdown(Duration::from_secs(2)).await;
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );

    let (running, leases): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM jobs WHERE status = 1), (SELECT count(*) FROM job_leases)",
    )
    .fetch_one(&bed.owner)
    .await
    .unwrap();
    assert_eq!((running, leases), (0, 0));
    let job = bed.get(org, cut).await;
    assert_eq!(
        (job.status, job.attempt),
        (JobStatus::Queued, 0),
        "the end of a process costs no attempt"
    );
    let odd: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = 0 AND attempt <> 0")
            .fetch_one(&bed.owner)
            .await
            .unwrap();
    assert_eq!(odd, 0, "what did not start has no attempt");
    for seen in bed.probe.all().iter().filter(|seen| seen.job != cut) {
        let job = bed.get(org, seen.job).await;
        assert_eq!(
            job.status,
            JobStatus::Succeeded,
            "what had started and was within the grace ended"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_ends_at_once_even_with_long_jobs_cut() {
    let bed = bed().await;
    let org = organization(1);
    let engine = bed.start();
    let start = Instant::now();
    engine.shutdown(Duration::from_secs(25)).await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    let engine = bed.start();
    let id = bed
        .one(org, bed.job(org, &Long(Act::Sleep { ms: 60_000 })))
        .await;
    bed.probe.until_run(id, 1).await;
    engine.shutdown(Duration::from_millis(50)).await;
    assert_eq!(bed.get(org, id).await.status, JobStatus::Queued);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        *bed.probe.dropped.lock().unwrap(),
        vec![id],
        "its own task is gone too"
    );
}
