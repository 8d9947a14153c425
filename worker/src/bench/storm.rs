//! `bench queue --storm`: workers are killed, others are stopped until they are thought dead, the
//! server goes away twice, and at the end nothing is lost.
//!
//! Jobs fall due in waves, one in a second, so that the storm is filled to its end whatever the
//! machine. One in ten takes most of a lease: what a stopped worker still runs when it wakes is
//! then being run by another, and its outcome comes in between, which is what the fence is for.
//! What must be true in the end is argued in [`super::log`].

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use shared::clock::Clock;
use shared::queue::Job;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::process::Command;
use uuid::Uuid;

use super::drain::organization;
use super::kinds::Stormy;
use super::log::{self, Verdicts};
use super::queue::{BenchError, number, open};
use super::victims::Victims;

/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(50);
/// Of the storm's time, the part over which jobs fall due.
const DUE_OVER: f64 = 0.9;
/// Most jobs take this many milliseconds.
const QUICK_MS: u64 = 30;
/// What is left over must become less within this long, or is lost.
const CALM: Duration = Duration::from_secs(45);

/// A way for the server to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// In order: everybody is disconnected, and it ends.
    Stop,
    /// At once, as if it were killed.
    Crash,
}

/// Makes the server go away so, stay away for a while, and come back at the same address.
pub type MakeOutage = Box<dyn Fn(Outage) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What storm.
pub struct Storm {
    /// A database of its own, migrated, with an empty job table; as its owner.
    pub connect: PgConnectOptions,
    /// How many jobs.
    pub jobs: u64,
    /// How long.
    pub time: Duration,
    /// Worker processes at any time.
    pub processes: usize,
    /// How many of them are killed, and replaced, every second.
    pub kills: usize,
    /// How long the jobs of a worker stay with it when it does not answer; the workers must be
    /// started with the same.
    pub lease: Duration,
    /// Organizations that the jobs belong to.
    pub organizations: u32,
    /// Which workers are met by it.
    pub seed: u64,
    /// Calendar time.
    pub clock: Clock,
    /// Starts a worker process; its input and output are set here.
    pub worker: Box<dyn Fn() -> Command + Send + Sync>,
    /// Called once with each [`Outage`].
    pub outage: MakeOutage,
}

impl fmt::Debug for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storm")
            .field("jobs", &self.jobs)
            .field("time", &self.time)
            .field("processes", &self.processes)
            .field("kills", &self.kills)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Stormed {
    /// What was done.
    pub what: String,
    /// Jobs.
    pub jobs: u64,
    /// How long the storm took, in seconds.
    pub storm_seconds: f64,
    /// Until the last job had ended, in seconds.
    pub seconds: f64,
    /// Worker processes at any time.
    pub processes: usize,
    /// Their lease, in seconds.
    pub lease_seconds: f64,
    /// Workers killed.
    pub kills: usize,
    /// Workers stopped until their lease was over, and let go on.
    pub stops: usize,
    /// Times that the server went away: once in order, once not.
    pub outages: usize,
    /// Whether everything holds that was promised.
    pub holds: bool,
    /// In numbers.
    #[serde(flatten)]
    pub verdicts: Verdicts,
}

/// Storms until `time` is over, waits until everything has ended, and judges.
///
/// # Errors
/// [`BenchError`]; a promise that was broken is none, see [`Stormed::holds`].
pub async fn storm(storm: &Storm) -> Result<Stormed, BenchError> {
    let pool = open(&storm.connect).await?;
    log::create(&pool).await?;
    fill(storm, &pool).await?;
    let began = Instant::now();
    let mut victims = Victims::start(storm).await?;
    tokio::try_join!(victims.suffer(began), outages(storm, began))?;
    victims.calm_down().await?;
    let storm_seconds = began.elapsed().as_secs_f64();
    until_ended(&pool).await;
    let seconds = began.elapsed().as_secs_f64();
    let (kills, stops) = (victims.kills, victims.stops);
    victims.end().await?;
    let verdicts = log::judge(&pool, number(storm.jobs)).await?;
    pool.close().await;
    Ok(Stormed {
        what: format!("storm, {} killed every second", storm.kills),
        jobs: storm.jobs,
        storm_seconds,
        seconds,
        processes: storm.processes,
        lease_seconds: storm.lease.as_secs_f64(),
        kills,
        stops,
        outages: 2,
        holds: verdicts.hold(number(storm.jobs)),
        verdicts,
    })
}

/// After a third of the time and after two.
async fn outages(storm: &Storm, began: Instant) -> Result<(), BenchError> {
    for (part, outage) in [(1, Outage::Stop), (2, Outage::Crash)] {
        tokio::time::sleep_until((began + storm.time * part / 3).into()).await;
        (storm.outage)(outage).await.map_err(BenchError::Outage)?;
    }
    Ok(())
}

/// Waits until no job waits or runs, or nothing moves any more.
async fn until_ended(pool: &PgPool) {
    let (mut least, mut since) = (i64::MAX, Instant::now());
    while least > 0 && since.elapsed() < CALM {
        let open =
            sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM jobs WHERE status IN (0, 1)"#);
        // The server may still be coming back.
        if let Ok(open) = open.fetch_one(pool).await
            && open < least
        {
            (least, since) = (open, Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every tenth job takes most of a lease; every second one ends with a result. More attempts than
/// anything here can take: what is told of is loss, not limits.
async fn fill(storm: &Storm, pool: &PgPool) -> Result<(), BenchError> {
    let organizations: Vec<Uuid> = (0..storm.organizations.max(1))
        .map(|n| organization(n).0)
        .collect();
    let payload = |ms, tells| serde_json::json!(Stormy { ms, tells });
    let slow = u64::try_from(storm.lease.as_millis()).unwrap_or(u64::MAX) / 10 * 7;
    sqlx::query!(
        "INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload) \
         SELECT ($1::uuid[])[1 + n % array_length($1, 1)], \
             ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, 3, 1000, \
             $3::timestamptz + floor(n * $4::float8 / $5::bigint) * interval '1 second', $3, \
             ($6::json[])[1 + n % 2 + CASE WHEN n / 2 % 10 = 0 THEN 2 ELSE 0 END] \
         FROM generate_series(1, $5::bigint) AS n",
        &organizations,
        Stormy::KIND,
        storm.clock.now(),
        storm.time.as_secs_f64() * DUE_OVER,
        number(storm.jobs),
        &[
            payload(QUICK_MS, false),
            payload(QUICK_MS, true),
            payload(slow, false),
            payload(slow, true),
        ]
    )
    .execute(pool)
    .await?;
    Ok(())
}
