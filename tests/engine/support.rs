//! A database per test, and jobs that do what their payload says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use mooring::embedded::{TestDatabase, ThrowawayCluster};
use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::domain::ids::{JobId, OrganizationId};
use shared::domain::job::{Job as Record, JobStatus, Priority, Progress};
use shared::queue::{Backoff, Cancellation, Doorbell, Enqueued, Job, NewJob, Redis, enqueue};
use shared::store::{Db, PoolSizes, jobs, migrate, migrations_hash};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::OnceCell;
use uuid::Uuid;
use worker::runtime::{Handler, JobContext, Registry, Schedule, Verdict};
use worker::{Engine, EngineOptions, RunningEngine};

/// A database of its own, its clock, and what jobs did.
pub struct Bed {
    pub options: PgConnectOptions,
    pub db: Db,
    /// As the owner, past row-level security.
    pub owner: PgPool,
    pub clock: Clock,
    pub bell: Doorbell,
    pub probe: Probe,
    /// Where its engines hear rings too.
    pub redis: Option<Redis>,
    /// Dropped with the test.
    pub database: Option<TestDatabase>,
}

#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A cluster for the whole run; databases are copies of one migrated template.
async fn cluster() -> &'static ThrowawayCluster {
    static CLUSTER: OnceCell<ThrowawayCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async { ThrowawayCluster::from_environment().await.unwrap() })
        .await
}

/// A migrated database of the test's own.
pub async fn bed() -> Bed {
    let database = cluster()
        .await
        .database(&migrations_hash(), |url| async move {
            let options: PgConnectOptions = url.parse().unwrap();
            migrate(&options).await
        })
        .await
        .unwrap();
    let bed = attach(&database.url).await;
    Bed {
        database: Some(database),
        ..bed
    }
}

/// A bed in a database that is there.
pub async fn attach(url: &str) -> Bed {
    let options: PgConnectOptions = url.parse().unwrap();
    let owner = PgPoolOptions::new()
        .max_connections(4)
        .connect_with(options.clone())
        .await
        .unwrap();
    let db = Db::connect(options.clone(), PoolSizes { app: 4, system: 2 })
        .await
        .unwrap();
    let bell = Doorbell::postgres(options.clone());
    Bed {
        options,
        db,
        owner,
        clock: Clock::movable(),
        bell,
        probe: Probe::default(),
        redis: None,
        database: None,
    }
}

impl Bed {
    pub fn options(&self) -> EngineOptions<Probe> {
        EngineOptions {
            connect: self.options.clone(),
            concurrency: 16,
            lease: Duration::from_secs(20),
            clock: self.clock.clone(),
            worker: "test".to_owned(),
            registry: registry(),
            context: self.probe.clone(),
            schedule: Schedule::new(),
            doorbell: self.bell.clone(),
            redis: self.redis.clone(),
        }
    }

    pub fn start(&self) -> RunningEngine {
        Engine::start(self.options())
    }

    /// Enqueues as the tenant, in one transaction, and rings.
    pub async fn enqueue(&self, organization: OrganizationId, jobs: &[NewJob]) -> Vec<Enqueued> {
        let mut transaction = self.db.tenant(organization).await.unwrap();
        let enqueued = enqueue(&mut transaction, jobs).await.unwrap();
        transaction.commit().await.unwrap();
        self.bell.ring(enqueued.iter().map(|job| job.lane));
        enqueued
    }

    pub async fn one(&self, organization: OrganizationId, job: NewJob) -> JobId {
        self.enqueue(organization, &[job]).await[0].job_id
    }

    pub async fn get(&self, organization: OrganizationId, id: JobId) -> Record {
        let mut transaction = self.db.tenant(organization).await.unwrap();
        jobs::get(&mut *transaction, organization, id)
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits for a job to stand so.
    pub async fn until(
        &self,
        organization: OrganizationId,
        id: JobId,
        status: JobStatus,
    ) -> Record {
        let start = Instant::now();
        loop {
            let job = self.get(organization, id).await;
            if job.status == status {
                return job;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{status} was waited for: {job:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn job<J: Job>(&self, organization: OrganizationId, job: &J) -> NewJob {
        NewJob::new(job, organization, self.now())
    }
}

pub fn organization(n: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + n,
    ))
}

/// A run that began.
#[derive(Clone, Debug)]
pub struct Seen {
    pub job: JobId,
    pub attempt: i16,
    pub at: Instant,
}

/// What jobs did, and what they are to wait for.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    seen: Arc<Mutex<Vec<Seen>>>,
    running: Arc<Mutex<HashMap<OrganizationId, (usize, usize)>>>,
    pub told: Arc<Mutex<Vec<JobId>>>,
    pub dropped: Arc<Mutex<Vec<JobId>>>,
    pub pool: Arc<Mutex<Option<PgPool>>>,
}

impl Probe {
    pub fn runs(&self, job: JobId) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| seen.job == job)
            .cloned()
            .collect()
    }

    pub fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Most runs of an organization at once.
    pub fn most_at_once(&self, organization: OrganizationId) -> usize {
        self.running
            .lock()
            .unwrap()
            .get(&organization)
            .map_or(0, |counts| counts.1)
    }

    /// Counts the most at once anew.
    pub fn forget_most(&self) {
        for counts in self.running.lock().unwrap().values_mut() {
            counts.1 = counts.0;
        }
    }

    pub async fn until_run(&self, job: JobId, times: usize) {
        let start = Instant::now();
        while self.runs(job).len() < times {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "run {times} of {job} was waited for"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What a job does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Act {
    Done,
    Result(serde_json::Value),
    /// Fails so many times, then goes well.
    Retry {
        times: i16,
        after_ms: Option<u64>,
    },
    /// Snoozes until so long after its creation, then goes well.
    Snooze {
        until: DateTime<Utc>,
    },
    Fail,
    Panic,
    Sleep {
        ms: u64,
    },
    /// Sleeps until told, and then says that it went well or not.
    UntilTold {
        well: bool,
    },
    Count {
        to: i64,
    },
    /// Adds one to the row of this job in the table `effects`, once per attempt.
    Effect {
        ms: u64,
    },
}

struct Dropped<'a>(&'a JobContext<Probe>);
impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let probe = self.0.app();
        probe.dropped.lock().unwrap().push(self.0.job());
        if let Some(counts) = probe
            .running
            .lock()
            .unwrap()
            .get_mut(&self.0.organization())
        {
            counts.0 -= 1;
        }
    }
}

async fn play(act: Act, context: JobContext<Probe>) -> Verdict {
    let probe = context.app().clone();
    {
        let mut running = probe.running.lock().unwrap();
        let counts = running.entry(context.organization()).or_default();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
    }
    let _dropped = Dropped(&context);
    probe.seen.lock().unwrap().push(Seen {
        job: context.job(),
        attempt: context.attempt(),
        at: Instant::now(),
    });
    match act {
        Act::Done => Verdict::done(),
        Act::Result(value) => Verdict::Done(value),
        Act::Retry { times, after_ms } if context.attempt() <= times => match after_ms {
            None => Verdict::retry("not_yet", "Not yet."),
            Some(ms) => Verdict::retry_after("not_yet", "Not\0yet.", Duration::from_millis(ms)),
        },
        Act::Retry { .. } => Verdict::done(),
        Act::Snooze { until } if context.now() < until => Verdict::Snooze(until),
        Act::Snooze { .. } => Verdict::done(),
        Act::Fail => Verdict::fail("hopeless", "It will never go well."),
        Act::Panic => panic!("on purpose"),
        Act::Sleep { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Verdict::done()
        }
        Act::UntilTold { well } => {
            context.token().cancelled().await;
            probe.told.lock().unwrap().push(context.job());
            if well {
                Verdict::done()
            } else {
                Verdict::retry("told", "Told to end.")
            }
        }
        Act::Count { to } => {
            for done in 0..=to {
                context.report(Progress {
                    done,
                    total: Some(to),
                    unit: Some("things".to_owned()),
                });
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Verdict::done()
        }
        Act::Effect { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let pool = probe.pool.lock().unwrap().clone().unwrap();
            sqlx::query("INSERT INTO effects VALUES ($1, 1) ON CONFLICT (job) DO UPDATE SET runs = effects.runs + 1")
                .bind(context.job().0)
                .execute(&pool)
                .await
                .map_or_else(|error| Verdict::retry("no_database", error.to_string()), |_| Verdict::done())
        }
    }
}

macro_rules! kinds {
    ($($name:ident = $kind:literal { $($constant:ident: $type:ty = $value:expr;)* })+) => {
        $(
            #[derive(Clone, Debug, Serialize, Deserialize)]
            pub struct $name(pub Act);
            impl Job for $name {
                const KIND: &'static str = $kind;
                $(const $constant: $type = $value;)*
            }
            impl Handler<Probe> for $name {
                async fn run(self, context: JobContext<Probe>) -> Verdict { play(self.0, context).await }
            }
        )+
        pub fn registry() -> Registry<Probe> { Registry::new()$(.with::<$name>())+ }
    };
}

const FAST: Backoff = Backoff {
    first: Duration::from_millis(40),
    most: Duration::from_secs(1),
};

kinds! {
    Quick = "quick" { PRIORITY: Priority = Priority::Webhook; MAX_ATTEMPTS: i16 = 3; BACKOFF: Backoff = FAST; }
    Sync = "sync" {
        PRIORITY: Priority = Priority::Sync; RERUN_ON_REPEAT: bool = true;
        PER_CONNECTION: Option<i16> = Some(1); BACKOFF: Backoff = FAST;
    }
    Long = "long" { PRIORITY: Priority = Priority::Sweep; EXPECTED_LONG: bool = true; MAX_ATTEMPTS: i16 = 3; BACKOFF: Backoff = FAST; }
    Brief = "brief" {
        PRIORITY: Priority = Priority::Webhook; TIMEOUT: Duration = Duration::from_millis(150);
        MAX_ATTEMPTS: i16 = 2; BACKOFF: Backoff = FAST;
    }
    Careful = "careful" { PRIORITY: Priority = Priority::Lifecycle; CANCELLATION: Cancellation = Cancellation::Told; }
}

pub fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}
