//! One job per key.

use std::time::Duration;

use shared::domain::job::{JobStatus, Priority};
use shared::queue::{NewJob, enqueue};

use super::support::{Act, Bed, Quick, Sync, bed, organization, seconds};

fn keyed(bed: &Bed, act: Act) -> NewJob {
    bed.job(organization(1), &Sync(act)).dedupe_key("k")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_while_queued_is_the_standing_job_and_may_raise_it() {
    let bed = bed().await;
    let org = organization(1);
    let later = bed.now() + seconds(600);
    let first = bed
        .enqueue(org, &[keyed(&bed, Act::Done).run_at(later)])
        .await[0];
    assert!(!first.repeat);
    let again = bed
        .enqueue(
            org,
            &[keyed(&bed, Act::Done).priority(Priority::Interactive)],
        )
        .await[0];
    assert!(again.repeat && !again.running);
    assert_eq!(again.job_id, first.job_id);
    assert_eq!(again.lane.priority, Priority::Interactive.code());
    let job = bed.get(org, first.job_id).await;
    assert!(job.run_at <= bed.now(), "brought forward");
    // A lower class does not lower it, another key or another tenant is another job.
    let low = bed
        .enqueue(org, &[keyed(&bed, Act::Done).priority(Priority::Sweep)])
        .await[0];
    assert_eq!(low.lane.priority, Priority::Interactive.code());
    let other = bed
        .enqueue(org, &[keyed(&bed, Act::Done).dedupe_key("other")])
        .await[0];
    assert!(!other.repeat);
    let stranger = organization(2);
    let job = bed.job(stranger, &Sync(Act::Done)).dedupe_key("k");
    assert!(!bed.enqueue(stranger, &[job]).await[0].repeat);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_may_name_a_key_twice() {
    let bed = bed().await;
    let org = organization(1);
    let jobs = [
        keyed(&bed, Act::Done),
        bed.job(org, &Quick(Act::Done)),
        keyed(&bed, Act::Done),
    ];
    let answers = bed.enqueue(org, &jobs).await;
    assert_eq!(answers[0].job_id, answers[2].job_id);
    assert_eq!(
        answers.iter().map(|a| a.repeat).collect::<Vec<_>>(),
        vec![false, false, true]
    );
    assert_eq!(answers[1].job_id, jobs[1].id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_while_running_runs_it_again_where_it_is_wanted() {
    let bed = bed().await;
    let org = organization(1);
    let engine = bed.start();
    for (wanted, runs) in [(true, 2), (false, 1)] {
        let id = bed.one(org, keyed(&bed, Act::Sleep { ms: 300 })).await;
        bed.probe.until_run(id, 1).await;
        for _ in 0..3 {
            let repeat = keyed(&bed, Act::Done).rerun_on_repeat(wanted);
            let repeat = bed.enqueue(org, &[repeat]).await[0];
            assert!(repeat.repeat && repeat.running && repeat.job_id == id);
        }
        let job = bed.until(org, id, JobStatus::Succeeded).await;
        engine.idle().await.unwrap();
        assert_eq!(bed.probe.runs(id).len(), runs);
        assert_eq!(job.attempt, 1, "a rerun begins anew");
    }
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rerun_outlasts_a_retry_and_follows_a_failure() {
    let bed = bed().await;
    let org = organization(1);
    let engine = bed.start();
    let id = bed
        .one(
            org,
            keyed(
                &bed,
                Act::Retry {
                    times: 1,
                    after_ms: Some(400),
                },
            ),
        )
        .await;
    bed.probe.until_run(id, 1).await;
    bed.until(org, id, JobStatus::Queued).await;
    // Waiting for its retry it will go on from where it was: that is not a run after this moment.
    let repeat = bed.enqueue(org, &[keyed(&bed, Act::Done)]).await[0];
    assert!(repeat.repeat && !repeat.running);
    assert!(
        bed.get(org, id).await.run_at > bed.now(),
        "a repeat of its own class does not cut the wait"
    );
    bed.until(org, id, JobStatus::Succeeded).await;
    engine.idle().await.unwrap();
    // Attempts 1 and 2, then the other run: its own attempt 1, which fails once by its payload.
    let attempts: Vec<_> = bed.probe.runs(id).iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, vec![1, 2, 1, 2]);
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_make_one_job_and_do_not_lock_each_other_out() {
    let bed = bed().await;
    let org = organization(1);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4_usize {
        let db = bed.db.clone();
        let jobs: Vec<NewJob> = (0..40)
            .map(|n| {
                bed.job(org, &Sync(Act::Done))
                    .dedupe_key(format!("k{}", (n * (task + 1)) % 41))
            })
            .collect();
        tasks.spawn(async move {
            for _ in 0..10 {
                let mut transaction = db.tenant(org).await.unwrap();
                enqueue(&mut transaction, &jobs).await.unwrap();
                transaction.commit().await.unwrap();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let (all, keys): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT dedupe_key) FROM jobs")
            .fetch_one(&bed.owner)
            .await
            .unwrap();
    assert_eq!(all, keys);
    assert!(keys <= 41);
}
