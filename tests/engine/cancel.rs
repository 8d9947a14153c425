//! Cancelling.

use std::time::{Duration, Instant};

use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::{Job, JobStatus};
use shared::store::jobs::{self, Retried};

use super::support::{Act, Bed, Careful, Long, Quick, bed, organization};

async fn cancel(bed: &Bed, org: OrganizationId, id: JobId) -> Option<Job> {
    let mut transaction = bed.db.tenant(org).await.unwrap();
    let job = jobs::request_cancel(&mut transaction, org, id, bed.now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_job_is_cancelled_at_once_and_may_be_retried() {
    let bed = bed().await;
    let org = organization(1);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Done)).dedupe_key("k"))
        .await;
    assert_eq!(
        cancel(&bed, org, id).await.unwrap().status,
        JobStatus::Cancelled
    );
    assert!(
        cancel(&bed, organization(2), id).await.is_none(),
        "another tenant sees no job"
    );
    let engine = bed.start();
    engine.idle().await.unwrap();
    assert!(bed.probe.runs(id).is_empty());

    let mut transaction = bed.db.tenant(org).await.unwrap();
    let retried = jobs::retry(&mut transaction, org, id, bed.now())
        .await
        .unwrap()
        .unwrap();
    transaction.commit().await.unwrap();
    let Retried::Queued(job, lane) = retried else {
        panic!("{retried:?}")
    };
    assert_eq!((job.status, job.attempt), (JobStatus::Queued, 0));
    bed.bell.ring([lane]);
    let job = bed.until(org, id, JobStatus::Succeeded).await;
    assert_eq!(
        cancel(&bed, org, id).await.unwrap(),
        job,
        "what has ended stays"
    );
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_is_told_within_a_second() {
    let bed = bed().await;
    let org = organization(1);
    let engine = bed.start();
    let listens = bed
        .one(org, bed.job(org, &Quick(Act::UntilTold { well: false })))
        .await;
    let deaf = bed
        .one(org, bed.job(org, &Quick(Act::Sleep { ms: 60_000 })))
        .await;
    let deaf_and_long = bed
        .one(org, bed.job(org, &Long(Act::Sleep { ms: 60_000 })))
        .await;
    let careful = bed
        .one(org, bed.job(org, &Careful(Act::Sleep { ms: 1500 })))
        .await;
    for id in [listens, deaf, deaf_and_long, careful] {
        bed.probe.until_run(id, 1).await;
        assert_eq!(
            cancel(&bed, org, id).await.unwrap().status,
            JobStatus::Running
        );
    }
    let start = Instant::now();
    for id in [listens, deaf, deaf_and_long] {
        let job = bed.until(org, id, JobStatus::Cancelled).await;
        assert!(job.finished_at.is_some());
    }
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(*bed.probe.told.lock().unwrap(), vec![listens]);
    // One that must not be dropped between two steps is not; that it went well counts.
    bed.until(org, careful, JobStatus::Succeeded).await;
    engine.idle().await.unwrap();
    assert_eq!(bed.probe.all().len(), 4, "none runs again");
    engine.shutdown(Duration::from_secs(1)).await;
}
