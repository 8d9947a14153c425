//! `mooring bench webhooks --slow N`: so many senders at once whose bodies never come to an end, and a
//! tenth as many whose heads do not, at an API process of its own.
//!
//! The bodies go to fifteen tenants. Beside them a sixteenth is delivered to as usual, and every one of
//! its deliveries must be taken. What the process holds is read from the system before, at its most, and
//! afterwards.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::memory::{Resident, mebibytes, resident};
use super::super::rig::Rig;
use super::Options;
use super::children::Part;
use super::sender;
use super::stage::Stage;
use crate::exit::Failure;

/// What a body is said to have.
const PROMISED: usize = 1024 * 1024;
/// Between two pieces of it.
const EVERY: Duration = Duration::from_secs(1);
/// What comes at a time.
const PIECE: usize = 64;
/// Nothing that was opened is left open longer by the server.
const PATIENCE: Duration = Duration::from_secs(75);
/// Deliveries a second of the tenant that is like any other, and connections for them.
const USUAL: u32 = 50;
const USUAL_CONNECTIONS: usize = 8;
/// Files of this process beside the connections.
const OTHER_FILES: u64 = 300;
/// Connections that are opened at once.
const OPENED_AT_ONCE: usize = 100;

/// How a slow connection ended, and when.
type Ends = BTreeMap<&'static str, (usize, Duration)>;

pub(super) async fn run(rig: &Rig, options: &Options, wanted: usize) -> Result<(), Failure> {
    let (running, address, token) = rig.serve().await?;
    let slow = Stage::set(rig, address, &token, 15).await?;
    let usual = Stage::set(rig, address, &token, 1).await?;
    running.end(&rig.config).await;
    let possible = usize::try_from(files()?.saturating_sub(OTHER_FILES)).unwrap_or(0);
    let bodies = wanted.min(possible * 10 / 11);
    let heads = bodies / 10;

    let mut api = Part::api()?.heard().start(rig)?;
    let address = api.listens().await?;
    let usual = Arc::new(usual.at(address));
    // Pools and caches fill.
    let warm = Duration::from_secs(2);
    sender::send(&usual, USUAL_CONNECTIONS, Some(USUAL), warm).await?;
    let before = resident(api.id());

    let began = Instant::now();
    let open = Arc::new(AtomicUsize::new(0));
    let doors = Arc::new(tokio::sync::Semaphore::new(OPENED_AT_ONCE));
    let mut tasks = JoinSet::new();
    for place in 0..bodies + heads {
        let is_body = place < bodies;
        let start = match is_body {
            true => slow.head(place as u64, PROMISED),
            false => b"POST /api/v1/webhooks/github/x HTTP/1.1\r\nhost: bench\r\nx-slow: ".to_vec(),
        };
        let (open, doors) = (Arc::clone(&open), Arc::clone(&doors));
        tasks.spawn(async move {
            let end = one(address, &start, &open, &doors).await;
            (is_body, end, began.elapsed())
        });
    }
    // As usual, from the moment when half of them are there.
    while open.load(Ordering::Relaxed) < bodies / 2 && began.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let measured = sender::send(
        &usual,
        USUAL_CONNECTIONS,
        Some(USUAL),
        Duration::from_secs(options.seconds.max(15)),
    )
    .await;
    let (mut of_bodies, mut of_heads) = (Ends::new(), Ends::new());
    while let Some(done) = tasks.join_next().await {
        let (is_body, end, at) = done.map_err(|error| Failure::failed(error.to_string()))?;
        let ends = if is_body {
            &mut of_bodies
        } else {
            &mut of_heads
        };
        let (times, last) = ends.entry(end).or_default();
        *times += 1;
        *last = (*last).max(at);
    }
    let most = open.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = resident(api.id());
    let lived = after.is_some();
    api.kill().await?;

    let held =
        |of: Option<Resident>, figure: fn(Resident) -> u64| of.map(|of| mebibytes(figure(of)));
    let told = |ends: &Ends| -> BTreeMap<&'static str, serde_json::Value> {
        let told = |(times, last): &(usize, Duration)| json!({ "times": times, "last_after_s": last.as_secs() });
        ends.iter().map(|(end, of)| (*end, told(of))).collect()
    };
    let (p50, p99, deliveries) = match &measured {
        Ok(measured) => (measured.p50, measured.p99, measured.answers),
        Err(_) => Default::default(),
    };
    println!(
        "{}",
        json!({
            "bench": "webhooks", "what": "slow", "slow_bodies": bodies, "slow_heads": heads, "wanted": wanted,
            "opened": most, "promised_bytes_of_each": PROMISED,
            "rss_mib_before": held(before, |of| of.now), "rss_mib_peak": held(after, |of| of.peak),
            "rss_mib_after": held(after, |of| of.now),
            "bodies_ended": told(&of_bodies), "heads_ended": told(&of_heads),
            "others_deliveries": deliveries, "others_all_taken": measured.is_ok(),
            "others_ack_p50_ms": p50.as_secs_f64() * 1e3, "others_ack_p99_ms": p99.as_secs_f64() * 1e3,
            "conditions": "senders, API and Postgres (fsync on) on one machine; no workers",
        })
    );
    let held_on = of_bodies.contains_key("held on") || of_heads.contains_key("held on");
    match measured {
        Ok(_) if lived && !held_on => Ok(()),
        Ok(_) => Err(Failure::failed(
            "a promise was broken: the line above says which",
        )),
        Err(error) => Err(error),
    }
}

/// One slow connection from its beginning to the end that the server makes of it.
async fn one(
    address: SocketAddr,
    start: &[u8],
    open: &AtomicUsize,
    doors: &tokio::sync::Semaphore,
) -> &'static str {
    let stream = {
        let _door = doors.acquire().await;
        TcpStream::connect(address).await
    };
    let Ok(mut stream) = stream else {
        return "not opened";
    };
    open.fetch_add(1, Ordering::Relaxed);
    if stream.write_all(start).await.is_err() {
        return "closed";
    }
    let (mut from, mut to) = stream.split();
    let answer = async {
        let mut buffer = [0; 512];
        match from.read(&mut buffer).await {
            Ok(read) if read > 0 => match buffer.get(9..12) {
                Some(b"503") => "503",
                Some(b"408") => "408",
                Some(b"400") => "400",
                _ => "another answer",
            },
            _ => "closed",
        }
    };
    let trickle = async {
        // The server may have closed its side: its answer is read all the same.
        while to.write_all(&[b' '; PIECE]).await.is_ok() {
            tokio::time::sleep(EVERY).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        end = answer => end,
        () = trickle => "closed",
        () = tokio::time::sleep(PATIENCE) => "held on",
    }
}

/// Files that this process may have open: as many as it may at most.
fn files() -> Result<u64, Failure> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1_048_576);
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(std::io::Error::from)?;
    Ok(most)
}
