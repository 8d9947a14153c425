//! `mooring bench webhooks --storm N`: whether a delivery that was answered 202 is ever lost, or acts
//! twice, while every process is killed at random and the server crashes once.
//!
//! Two API processes and two workers are processes of this program, over one database, and over a Redis
//! of their own where `redis-server` is on the path: that is flushed and killed on the way, and held
//! nothing that the result could miss. Each delivery is a
//! push of a branch of its own, in a connected repository, so what it does can be counted: one event to be
//! told outside. A sender repeats what was not answered, as a provider's redelivery does, and sends one in
//! twenty again although it was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shared::vault::random;
use sqlx::{Connection, PgConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::redis_server::RedisServer;
use super::super::rig::Rig;
use super::Options;
use super::children::Part;
use super::sender::read_answer;
use super::stage::Stage;
use crate::exit::Failure;

/// Between two kills.
const BETWEEN: Duration = Duration::from_millis(700);
/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// What is handled after the last answer, at most.
const PATIENCE: Duration = Duration::from_secs(180);

pub(super) async fn run(rig: &Rig, options: &Options, deliveries: u64) -> Result<(), Failure> {
    let (running, address, token) = rig.serve().await?;
    let stage = Stage::set(rig, address, &token, options.organizations).await?;
    let stage = Arc::new(stage);
    running.end(&rig.config).await;

    let mut wire = RedisServer::start().await?.map(|server| Wire {
        server,
        flushed: false,
        killed_at: None,
        restarted: false,
    });
    let url = wire.as_ref().map(|wire| wire.server.url());
    let mut slots = Vec::new();
    for part in [Part::api()?, Part::api()?, Part::worker(), Part::worker()] {
        slots.push(part.over(url.clone()).start(rig)?);
    }
    let addresses = [slots[0].listens().await?, slots[1].listens().await?];
    let began = Instant::now();
    let (next, repeats) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let done = Arc::new(AtomicBool::new(false));
    let mut senders = JoinSet::new();
    for place in 0..options.connections {
        let work = Sender {
            stage: Arc::clone(&stage),
            addresses,
            next: Arc::clone(&next),
            repeats: Arc::clone(&repeats),
            deliveries,
        };
        senders.spawn(work.go(place));
    }
    let ended = Arc::clone(&done);
    let watch = tokio::spawn(async move {
        while senders.join_next().await.is_some() {}
        ended.store(true, Ordering::Relaxed);
    });
    let (mut kills, mut crashed) = (0_u64, false);
    while !done.load(Ordering::Relaxed) {
        tokio::time::sleep(BETWEEN).await;
        let place = (random::fraction() * slots.len() as f64) as usize % slots.len();
        slots[place].kill().await?;
        kills += 1;
        let sent = next.load(Ordering::Relaxed);
        if let Some(wire) = &mut wire {
            wire.disturb(sent, deliveries, kills).await?;
        }
        if !crashed && sent > deliveries * 2 / 3 {
            crash(rig).await?;
            crashed = true;
        }
        for slot in &mut slots {
            slot.raise(rig)?;
        }
    }
    watch
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    let sent_for = began.elapsed();
    let until = Instant::now() + PATIENCE;
    let verdict = loop {
        for slot in &mut slots {
            slot.raise(rig)?;
        }
        let verdict = judge(rig).await?;
        if verdict.open == 0 || Instant::now() > until {
            break verdict;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    for slot in &mut slots {
        slot.kill().await?;
    }
    let accepted = stage.accepted();
    let holds = accepted == deliveries
        && verdict.stored == accepted
        && verdict.handled == accepted
        && verdict.told == accepted
        && verdict.told_of == accepted;
    println!(
        "{}",
        json!({
            "bench": "webhooks", "what": "storm", "holds": holds, "accepted": accepted,
            "stored": verdict.stored, "handled": verdict.handled, "open": verdict.open,
            "events_told": verdict.told, "deliveries_told_of": verdict.told_of,
            "repeats_sent": repeats.load(Ordering::Relaxed), "duplicates_counted": verdict.duplicates,
            "kills": kills, "server_crashes": u8::from(crashed),
            "redis": wire.as_ref().map_or("none: no redis-server on the path".to_owned(), Wire::told),
            "seconds_until_accepted": sent_for.as_secs(), "seconds": began.elapsed().as_secs(),
        })
    );
    if holds {
        Ok(())
    } else {
        Err(Failure::failed(
            "a promise was broken: the line above says which",
        ))
    }
}

struct Sender {
    stage: Arc<Stage>,
    addresses: [SocketAddr; 2],
    next: Arc<AtomicU64>,
    repeats: Arc<AtomicU64>,
    deliveries: u64,
}

impl Sender {
    /// Sends deliveries until all were sent; each until it is answered 202.
    async fn go(self, place: usize) {
        let mut line: Option<TcpStream> = None;
        let mut turn = place;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.deliveries {
                return;
            }
            let request = self.stage.request(number);
            let times = if number.is_multiple_of(20) { 2 } else { 1 };
            for time in 0..times {
                if time > 0 {
                    self.repeats.fetch_add(1, Ordering::Relaxed);
                }
                loop {
                    let asked =
                        tokio::time::timeout(ANSWER_WITHIN, self.ask(&mut line, turn, &request));
                    match asked.await {
                        Ok(Some(202)) => break,
                        _ => {
                            line = None;
                            turn += 1;
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
            }
            self.stage.note();
        }
    }

    async fn ask(&self, line: &mut Option<TcpStream>, turn: usize, request: &[u8]) -> Option<u16> {
        if line.is_none() {
            let stream = TcpStream::connect(self.addresses[turn % self.addresses.len()]).await;
            let stream = stream.ok()?;
            stream.set_nodelay(true).ok()?;
            *line = Some(stream);
        }
        let stream = line.as_mut()?;
        stream.write_all(request).await.ok()?;
        let mut buffer = vec![0_u8; 8 * 1024];
        let (status, _) = read_answer(stream, &mut buffer).await.ok()?;
        Some(status)
    }
}

/// What becomes of Redis, where there is one: it is flushed after a third of the deliveries; after the
/// half it is killed, and started again, empty, two kills later.
struct Wire {
    server: RedisServer,
    flushed: bool,
    killed_at: Option<u64>,
    restarted: bool,
}

impl Wire {
    async fn disturb(&mut self, sent: u64, deliveries: u64, kills: u64) -> Result<(), Failure> {
        if !self.flushed && sent > deliveries / 3 {
            self.server.flush().await?;
            self.flushed = true;
        }
        match self.killed_at {
            None if sent > deliveries / 2 => {
                self.server.kill().await?;
                self.killed_at = Some(kills);
            }
            Some(at) if !self.restarted && kills >= at + 2 => {
                self.server.restart().await?;
                self.server.flush().await?;
                self.restarted = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn told(&self) -> String {
        format!(
            "flushed {} times, killed {} times",
            u8::from(self.flushed) + u8::from(self.restarted),
            u8::from(self.killed_at.is_some())
        )
    }
}

/// One process of the server dies: it ends all others and recovers from its log, as after a power cut.
async fn crash(rig: &Rig) -> Result<(), Failure> {
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let id: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut db)
        .await?;
    if let Some(id) = Pid::from_raw(id) {
        // It may have ended by itself.
        let _ = kill_process(id, Signal::KILL);
    }
    Ok(())
}

#[derive(Default)]
struct Verdict {
    stored: u64,
    handled: u64,
    open: u64,
    duplicates: u64,
    told: u64,
    told_of: u64,
}

async fn judge(rig: &Rig) -> Result<Verdict, Failure> {
    let options = rig.database.connect_options();
    let asked = async {
        let mut db = PgConnection::connect_with(&options).await?;
        let rows: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 0), \
                COALESCE(sum(duplicates), 0)::int8 FROM webhook_deliveries",
        )
        .fetch_one(&mut db)
        .await?;
        let told: (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(DISTINCT data->>'delivery_id') FROM outbox_events \
             WHERE type = 'branch.synchronized'",
        )
        .fetch_one(&mut db)
        .await?;
        Ok::<_, sqlx::Error>((rows, told))
    };
    match asked.await {
        Ok(((stored, handled, open, duplicates), (told, told_of))) => Ok(Verdict {
            stored: stored.unsigned_abs(),
            handled: handled.unsigned_abs(),
            open: open.unsigned_abs(),
            duplicates: duplicates.unsigned_abs(),
            told: told.unsigned_abs(),
            told_of: told_of.unsigned_abs(),
        }),
        // It recovers.
        Err(_) => Ok(Verdict {
            open: 1,
            ..Verdict::default()
        }),
    }
}
