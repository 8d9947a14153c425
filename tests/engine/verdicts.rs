//! What becomes of each verdict.

use std::time::Duration;

use serde_json::json;
use shared::domain::job::{JobStatus, Progress};

use super::support::{Act, Brief, Quick, bed, organization, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_once_and_keeps_its_result() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let plain = bed.one(org, bed.job(org, &Quick(Act::Done))).await;
    let telling = bed
        .one(org, bed.job(org, &Quick(Act::Result(json!({"found": 3})))))
        .await;
    let job = bed.until(org, plain, JobStatus::Succeeded).await;
    assert_eq!((job.attempt, job.result, job.error), (1, None, None));
    assert!(job.started_at.is_some() && job.finished_at.is_some());
    let job = bed.until(org, telling, JobStatus::Succeeded).await;
    assert_eq!(job.result, Some(json!({"found": 3})));
    engine.idle().await.unwrap();
    assert_eq!(bed.probe.all().len(), 2);
    engine.shutdown(Duration::from_secs(1)).await;
    let leases: i64 = sqlx::query_scalar("SELECT count(*) FROM job_leases")
        .fetch_one(&bed.owner)
        .await
        .unwrap();
    assert_eq!(leases, 0, "a worker that ends leaves no lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_waits_and_counts_and_the_last_one_fails() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let well = bed
        .one(
            org,
            bed.job(
                org,
                &Quick(Act::Retry {
                    times: 2,
                    after_ms: None,
                }),
            ),
        )
        .await;
    let badly = bed
        .one(
            org,
            bed.job(
                org,
                &Quick(Act::Retry {
                    times: 9,
                    after_ms: Some(1),
                }),
            ),
        )
        .await;
    let job = bed.until(org, well, JobStatus::Succeeded).await;
    assert_eq!(job.attempt, 3);
    assert_eq!(job.error, None);
    let runs = bed.probe.runs(well);
    assert_eq!(
        runs.iter().map(|run| run.attempt).collect::<Vec<_>>(),
        vec![1, 2, 3]
    );
    assert!(
        runs[1].at - runs[0].at >= Duration::from_millis(20),
        "back-off of 40 ms, at least half"
    );
    assert!(runs[2].at - runs[1].at >= Duration::from_millis(40));
    let job = bed.until(org, badly, JobStatus::Failed).await;
    assert_eq!(job.attempt, 3);
    let error = job.error.unwrap();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("not_yet", "Not\u{fffd}yet.")
    );
    assert_eq!(bed.probe.runs(badly).len(), 3);
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snooze_costs_no_attempt_and_follows_the_clock() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let until = bed.now() + seconds(3600);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Snooze { until })))
        .await;
    bed.probe.until_run(id, 1).await;
    let job = bed.until(org, id, JobStatus::Queued).await;
    assert_eq!((job.attempt, job.run_at), (0, until));
    engine.idle().await.unwrap();
    bed.clock.advance(seconds(3601));
    let job = bed.until(org, id, JobStatus::Succeeded).await;
    assert_eq!(job.attempt, 1);
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fail_panic_timeout_and_an_unreadable_payload_each_say_what_happened() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let fails = bed.one(org, bed.job(org, &Quick(Act::Fail))).await;
    let panics = bed.one(org, bed.job(org, &Quick(Act::Panic))).await;
    let late = bed
        .one(org, bed.job(org, &Brief(Act::Sleep { ms: 60_000 })))
        .await;
    let odd = bed
        .one(
            org,
            bed.job(org, &Quick(Act::Done))
                .run_at(bed.now() + seconds(60)),
        )
        .await;
    sqlx::query("UPDATE jobs SET payload = '{\"x\": 1}' WHERE id = $1")
        .bind(odd.0)
        .execute(&bed.owner)
        .await
        .unwrap();
    bed.clock.advance(seconds(61));
    for (id, code, attempts) in [
        (fails, "hopeless", 1),
        (panics, "job_panicked", 3),
        (late, "job_timed_out", 2),
        (odd, "payload_unreadable", 1),
    ] {
        let job = bed.until(org, id, JobStatus::Failed).await;
        assert_eq!(
            (job.error.unwrap().code.as_str(), job.attempt),
            (code, attempts)
        );
        assert!(job.finished_at.is_some());
    }
    // The worker lives on.
    let id = bed.one(org, bed.job(org, &Quick(Act::Done))).await;
    bed.until(org, id, JobStatus::Succeeded).await;
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_nobody_knows_waits_for_somebody_who_does() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let id = bed
        .one(
            org,
            bed.job(org, &Quick(Act::Done))
                .run_at(bed.now() + seconds(60)),
        )
        .await;
    sqlx::query("UPDATE jobs SET kind = 'of_tomorrow' WHERE id = $1")
        .bind(id.0)
        .execute(&bed.owner)
        .await
        .unwrap();
    bed.clock.advance(seconds(61));
    tokio::time::timeout(Duration::from_secs(5), async {
        while bed.get(org, id).await.run_at < bed.now() + seconds(20) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    let job = bed.get(org, id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Queued, 0));
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_written_while_it_runs_and_the_last_with_the_outcome() {
    let bed = bed().await;
    let engine = bed.start();
    let org = organization(1);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Count { to: 1000 })))
        .await;
    bed.probe.until_run(id, 1).await;
    let mut seen = std::collections::BTreeSet::new();
    let job = loop {
        let job = bed.get(org, id).await;
        if let Some(progress) = &job.progress {
            seen.insert(progress.done);
        }
        if job.status == JobStatus::Succeeded {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        job.progress,
        Some(Progress {
            done: 1000,
            total: Some(1000),
            unit: Some("things".to_owned())
        })
    );
    assert!(
        (3..=6).contains(&seen.len()),
        "some two seconds at one write a second: {seen:?}"
    );
    engine.shutdown(Duration::from_secs(1)).await;
}
