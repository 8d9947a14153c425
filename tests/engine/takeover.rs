//! Workers that die, pause, or lose the database.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shared::domain::ids::JobId;
use shared::domain::job::JobStatus;
use worker::Engine;

use super::support::{Act, Bed, Quick, attach, bed, organization, setting};

const LEASE: Duration = Duration::from_millis(1500);

fn short_lease(bed: &Bed) -> worker::RunningEngine {
    let mut options = bed.options();
    options.lease = LEASE;
    Engine::start(options)
}

async fn effects(bed: &Bed) {
    sqlx::raw_sql(
        "CREATE TABLE effects (job uuid PRIMARY KEY, runs int NOT NULL); \
         GRANT ALL ON effects TO mooring_app, mooring_system",
    )
    .execute(&bed.owner)
    .await
    .unwrap();
    *bed.probe.pool.lock().unwrap() = Some(bed.owner.clone());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_dead_worker_is_taken_over_and_its_attempts_are_counted() {
    let bed = bed().await;
    let org = organization(1);
    let dead = short_lease(&bed);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Sleep { ms: 3000 })))
        .await;
    bed.probe.until_run(id, 1).await;
    drop(dead);
    let living = short_lease(&bed);
    let job = bed.until(org, id, JobStatus::Succeeded).await;
    assert_eq!(job.attempt, 2);
    assert_eq!(
        bed.probe
            .runs(id)
            .iter()
            .map(|run| run.attempt)
            .collect::<Vec<_>>(),
        vec![1, 2]
    );
    living.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_worker_ends_as_failed() {
    let bed = bed().await;
    let org = organization(1);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Sleep { ms: 60_000 })))
        .await;
    for attempt in 1..=3 {
        let engine = short_lease(&bed);
        bed.probe.until_run(id, attempt).await;
        drop(engine);
    }
    let engine = short_lease(&bed);
    let job = bed.until(org, id, JobStatus::Failed).await;
    assert_eq!(job.attempt, 3);
    assert_eq!(job.error.unwrap().code, "worker_lost");
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_of_a_claim_that_was_taken_over_changes_nothing() {
    let bed = bed().await;
    let org = organization(1);
    let engine = short_lease(&bed);
    let id = bed
        .one(org, bed.job(org, &Quick(Act::Sleep { ms: 700 })))
        .await;
    bed.probe.until_run(id, 1).await;
    // As if this worker had been stopped, and another had taken over, and queued the job for later.
    sqlx::raw_sql(
        "DELETE FROM job_leases; \
         UPDATE jobs SET status = 0, lease_id = NULL, run_at = run_at + interval '1 hour'",
    )
    .execute(&bed.owner)
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(bed.get(org, id).await.status, JobStatus::Queued);
    // It has taken a new lease and goes on.
    let next = bed.one(org, bed.job(org, &Quick(Act::Done))).await;
    bed.until(org, next, JobStatus::Succeeded).await;
    assert!(engine.is_ready());
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_lose_nothing_and_repeat_nothing() {
    let bed = bed().await;
    effects(&bed).await;
    let org = organization(1);
    let engine = bed.start();
    let jobs: Vec<_> = (0..1500)
        .map(|_| bed.job(org, &Quick(Act::Effect { ms: 5 })))
        .collect();
    bed.enqueue(org, &jobs).await;
    let pool = bed.owner.clone();
    let breaker = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(130)).await;
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name LIKE 'mooring %'",
            )
            .execute(&pool)
            .await
            .unwrap();
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    breaker.abort();
    engine.idle().await.unwrap();
    let (runs, ended, attempts): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT sum(runs) FROM effects)::bigint, count(*) FILTER (WHERE status = 2), sum(attempt)::bigint FROM jobs",
    )
    .fetch_one(&bed.owner)
    .await
    .unwrap();
    assert_eq!((runs, ended, attempts), (1500, 1500, 1500));
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_was_lost_is_given_back_uncounted() {
    let bed = bed().await;
    let org = organization(1);
    // The first claim takes longer than the engine waits for it, and is committed all the same.
    sqlx::raw_sql(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql \
             AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END'; \
         CREATE TRIGGER dawdle BEFORE UPDATE ON jobs FOR EACH ROW \
             WHEN (NEW.status = 1 AND OLD.fence = 0) EXECUTE FUNCTION dawdle()",
    )
    .execute(&bed.owner)
    .await
    .unwrap();
    let engine = short_lease(&bed);
    let id = bed.one(org, bed.job(org, &Quick(Act::Done))).await;
    let job = bed.until(org, id, JobStatus::Succeeded).await;
    let fence: i32 = sqlx::query_scalar("SELECT fence FROM jobs")
        .fetch_one(&bed.owner)
        .await
        .unwrap();
    assert_eq!((job.attempt, fence), (1, 2), "claimed twice, begun once");
    assert_eq!(bed.probe.runs(id).len(), 1);
    engine.shutdown(Duration::from_secs(1)).await;
}

/// Not a test of its own: the worker process that the tests below kill. It runs until it is ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of other tests"]
async fn child() {
    let Some(url) = setting("ENGINE_TEST_CHILD") else {
        return;
    };
    let bed = attach(&url).await;
    *bed.probe.pool.lock().unwrap() = Some(bed.owner.clone());
    let engine = short_lease(&bed);
    tokio::time::sleep(Duration::from_secs(120)).await;
    drop(engine);
}

struct Process(Child);

impl Process {
    fn start(bed: &Bed) -> Self {
        let url = &bed.database.as_ref().unwrap().url;
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "takeover::child"])
            .env("ENGINE_TEST_CHILD", url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until_running(bed: &Bed) -> JobId {
    let start = Instant::now();
    loop {
        let running: Option<uuid::Uuid> =
            sqlx::query_scalar("SELECT id FROM jobs WHERE status = 1 LIMIT 1")
                .fetch_optional(&bed.owner)
                .await
                .unwrap();
        if let Some(id) = running {
            return JobId(id);
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_no_job() {
    let bed = bed().await;
    effects(&bed).await;
    let org = organization(1);
    let jobs: Vec<_> = (0..600)
        .map(|_| {
            bed.job(org, &Quick(Act::Effect { ms: 20 }))
                .priority(shared::domain::job::Priority::Sync)
        })
        .collect();
    bed.enqueue(org, &jobs).await;
    // More attempts than kills: what is told of here is loss, not limits.
    sqlx::query("UPDATE jobs SET max_attempts = 20")
        .execute(&bed.owner)
        .await
        .unwrap();
    for _ in 0..3 {
        let process = Process::start(&bed);
        until_running(&bed).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        process.signal("-9");
    }
    let engine = short_lease(&bed);
    for job in &jobs {
        bed.until(org, job.id(), JobStatus::Succeeded).await;
    }
    let (done, least): (i64, i32) = sqlx::query_as("SELECT count(*), min(runs) FROM effects")
        .fetch_one(&bed.owner)
        .await
        .unwrap();
    assert_eq!((done, least), (600, 1));
    engine.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_process_starts_nothing_it_no_longer_holds_and_its_outcomes_are_fenced() {
    let bed = bed().await;
    effects(&bed).await;
    let org = organization(1);
    let paused = Process::start(&bed);
    let held = bed
        .one(org, bed.job(org, &Quick(Act::Effect { ms: 1000 })))
        .await;
    assert_eq!(until_running(&bed).await, held);
    tokio::time::sleep(Duration::from_millis(300)).await;
    paused.signal("-STOP");
    let engine = short_lease(&bed);
    let job = bed.until(org, held, JobStatus::Succeeded).await;
    assert_eq!(job.attempt, 2);
    paused.signal("-CONT");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        bed.get(org, held).await,
        job,
        "what the paused one says is not heard"
    );
    engine.shutdown(Duration::from_secs(1)).await;
    // It took a new lease and works.
    let next = bed
        .one(org, bed.job(org, &Quick(Act::Effect { ms: 1 })))
        .await;
    bed.until(org, next, JobStatus::Succeeded).await;
}
