//! All of it at once, with real processes: workers are killed and stopped, the server is ended and
//! crashed, and nothing is lost, no effect is doubled, no attempt is told wrongly. What can be
//! demanded, and why, is argued in `worker/src/bench/log.rs`; `mooring bench queue --storm` is the
//! same for longer.

use std::sync::Arc;
use std::time::Duration;

use mooring::embedded::{Surroundings, TestDatabase, ThrowawayCluster};
use shared::clock::Clock;
use shared::store::{migrate, migrations_hash};
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;
use tokio::sync::mpsc;
use worker::Engine;
use worker::bench::{Outage, Storm, queue_worker, storm};

use super::support::{Act, Quick, attach, organization, setting};

const LEASE: Duration = Duration::from_millis(1500);
const CHILD: &str = "ENGINE_STORM_CHILD";

/// Not a test of its own: a worker process of the storm. It runs until its input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of another test"]
async fn child() {
    if setting(CHILD).is_some() {
        let ended = queue_worker(8, LEASE, "storm", Clock::system()).await;
        ended.unwrap();
    }
}

/// A server of the test's own, since it goes away; as durable as the real one.
async fn server() -> (Arc<ThrowawayCluster>, TestDatabase) {
    let surroundings = Surroundings::current();
    let cluster = ThrowawayCluster::durable(&surroundings).await.unwrap();
    let database = cluster
        .database(&migrations_hash(), |url| async move {
            let options: PgConnectOptions = url.parse().unwrap();
            migrate(&options).await
        })
        .await
        .unwrap();
    (Arc::new(cluster), database)
}

fn process() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "storm::child"])
        .env(CHILD, "yes");
    command
}

async fn go_away(cluster: &ThrowawayCluster, outage: Outage) -> Result<(), String> {
    if outage == Outage::Crash {
        let crashed = cluster.crash().await;
        crashed.map_err(|error| error.to_string())?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let back = cluster.restart().await;
    back.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_loses_nothing_doubles_nothing_and_tells_the_truth() {
    let (cluster, database) = server().await;
    let goes = Arc::clone(&cluster);
    let what = Storm {
        connect: database.url.parse().unwrap(),
        jobs: 1000,
        time: Duration::from_secs(7),
        processes: 4,
        kills: 1,
        lease: LEASE,
        organizations: 5,
        seed: 7,
        clock: Clock::system(),
        worker: Box::new(process),
        outage: Box::new(move |outage| {
            let cluster = Arc::clone(&goes);
            Box::pin(async move { go_away(&cluster, outage).await })
        }),
    };
    let stormed = storm(&what).await.unwrap();
    let met = (
        stormed.kills > 0,
        stormed.stops > 0,
        stormed.verdicts.ran_more_than_once > 0,
    );
    assert_eq!(met, (true, true, true), "there was no storm: {stormed:#?}");
    assert_eq!(stormed.verdicts.lost, 0, "{stormed:#?}");
    assert_eq!(stormed.verdicts.effects, 1000, "{stormed:#?}");
    assert!(stormed.holds, "{stormed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_longer_than_every_lease_takes_no_job_from_the_living() {
    let (cluster, database) = server().await;
    let bed = attach(&database.url).await;
    let org = organization(1);
    let lease = Duration::from_secs(3);
    let options = || {
        let mut options = bed.options();
        options.lease = lease;
        options
    };
    let engine = Engine::start(options());
    // Another, on a thread of its own that can be held up: it is to come back later than the first.
    let (hold, mut held) = mpsc::channel::<std::sync::mpsc::Receiver<()>>(1);
    let other = options();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async move {
            let engine = Engine::start(other);
            while let Some(until) = held.recv().await {
                let _ = until.recv();
            }
            engine.shutdown(Duration::from_secs(1)).await;
        });
    });
    // More than either has slots.
    let jobs: Vec<_> = (0..24)
        .map(|_| bed.job(org, &Quick(Act::Sleep { ms: 10_000 })))
        .collect();
    bed.enqueue(org, &jobs).await;
    for job in &jobs {
        bed.probe.until_run(job.id(), 1).await;
    }
    cluster.crash().await.unwrap();
    let (go_on, until) = std::sync::mpsc::channel();
    hold.send(until).await.unwrap();
    tokio::time::sleep(lease + Duration::from_millis(500)).await;
    assert!(!engine.is_ready());
    cluster.restart().await.unwrap();
    // The first is back, sees that every lease is over, and leaves the other the time to renew.
    let back = async {
        while !engine.is_ready() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(20), back).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    go_on.send(()).unwrap();
    back.unwrap();
    let ended = async {
        loop {
            let told: (i64, i64) = sqlx::query_as(
                "SELECT count(*) FILTER (WHERE status = 2), sum(attempt)::bigint FROM jobs",
            )
            .fetch_one(&bed.owner)
            .await
            .unwrap();
            if told.0 == 24 {
                return told.1;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let attempts = tokio::time::timeout(Duration::from_secs(40), ended).await;
    assert_eq!((attempts, bed.probe.all().len()), (Ok(24), 24));
    drop(hold);
    engine.shutdown(Duration::from_secs(1)).await;
    other.join().unwrap();
}
