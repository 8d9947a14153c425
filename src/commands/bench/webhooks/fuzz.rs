//! `mooring bench webhooks --fuzz N`: so many damaged deliveries through HTTP to an API process, half of
//! them under good signatures, while a worker process handles what was taken.
//!
//! Bodies begin as vendors' own examples where `--examples` names their folder, else as the forge writes
//! them. One request in fifty is broken as HTTP: a NUL in a header, a length that is none, a body that
//! breaks off. An answer of 500 and above is a failure, and so is an acceptance of what proves nothing, a
//! delivery that does not come to an end, and a process that ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mooring_forge::{Damage, Dice, Letter, Proof, damaged, examples, forged, samples};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::memory::{mebibytes, resident};
use super::super::rig::Rig;
use super::Options;
use super::children::{Part, Slot};
use super::doors::{self, Door};
use super::sender::read_answer;
use crate::exit::Failure;

/// What is handled after the last answer, at most.
const PATIENCE: Duration = Duration::from_secs(300);
/// An answer that takes longer is a failure.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// How often which status and code was answered; status 0 is a connection that was closed unanswered.
type Counts = BTreeMap<(u16, String), u64>;

pub(super) async fn run(rig: &Rig, options: &Options, count: u64) -> Result<(), Failure> {
    let (running, address, token) = rig.serve().await?;
    let doors = doors::open(rig, address, &token).await?;
    running.end(&rig.config).await;
    let mut all = examples(Path::new(&options.examples));
    let of_vendors = all.len();
    all.extend(samples());

    let mut api = Part::api()?.heard().start(rig)?;
    let mut worker = Part::worker().heard().start(rig)?;
    let address = api.listens().await?;
    let began = Instant::now();
    let (next, all) = (Arc::new(AtomicU64::new(0)), Arc::new(all));
    let mut senders = JoinSet::new();
    for place in 0..options.connections as u64 {
        let sender = Sender {
            address,
            doors: doors.clone(),
            samples: Arc::clone(&all),
            next: Arc::clone(&next),
            count,
            dice: Dice::of(options.seed.wrapping_mul(1_000_003).wrapping_add(place)),
        };
        senders.spawn(sender.go());
    }
    let watch = tokio::spawn(watch(api.id(), Arc::clone(&next), count));
    let mut counts = Counts::new();
    while let Some(done) = senders.join_next().await {
        for (what, times) in done.map_err(|error| Failure::failed(error.to_string()))?? {
            *counts.entry(what).or_default() += times;
        }
    }
    let took = began.elapsed();
    let tenths = watch
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    let ended = all_ended(rig).await?;
    let lived = alive(&mut api, rig)? && alive(&mut worker, rig)?;
    api.kill().await?;
    worker.kill().await?;

    let answers: BTreeMap<String, u64> = counts
        .iter()
        .map(|((status, code), times)| (format!("{status} {code}"), *times))
        .collect();
    let faults: u64 = (counts.iter())
        .filter(|((status, _), _)| *status >= 500)
        .map(|(_, times)| times)
        .sum();
    let (first, last) = (tenths.first().copied(), tenths.last().copied());
    println!(
        "{}",
        json!({
            "bench": "webhooks", "what": "fuzz", "deliveries": count, "answers": answers, "faults": faults,
            "per_second": (count as f64 / took.as_secs_f64()).round(), "seed": options.seed,
            "samples_of_vendors": of_vendors, "samples_of_the_forge": all.len() - of_vendors,
            "still_open": ended.open, "failed_jobs": ended.failed_jobs, "processes_lived": lived,
            "rss_mib_after_each_tenth": tenths.iter().map(|kib| mebibytes(*kib)).collect::<Vec<_>>(),
            "rss_growth_first_to_last_tenth_mib":
                first.zip(last).map(|(first, last)| mebibytes(last.saturating_sub(first))),
            "conditions": "senders, API, worker and Postgres (fsync on) on one machine",
        })
    );
    if faults == 0 && ended.open == 0 && ended.failed_jobs == 0 && lived {
        Ok(())
    } else {
        Err(Failure::failed(
            "a promise was broken: the line above says which",
        ))
    }
}

/// Whether it has been one process all along.
fn alive(slot: &mut Slot, rig: &Rig) -> Result<bool, Failure> {
    let before = slot.id();
    slot.raise(rig)?;
    Ok(before == slot.id())
}

/// What the process holds after each tenth.
async fn watch(id: Option<u32>, next: Arc<AtomicU64>, count: u64) -> Vec<u64> {
    let mut tenths = Vec::new();
    for tenth in 1..=10 {
        while next.load(Ordering::Relaxed) < count * tenth / 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tenths.extend(resident(id).map(|held| held.now));
    }
    tenths
}

struct Sender {
    address: SocketAddr,
    doors: Vec<Door>,
    samples: Arc<Vec<mooring_forge::Sample>>,
    next: Arc<AtomicU64>,
    count: u64,
    dice: Dice,
}

impl Sender {
    async fn go(mut self) -> Result<Counts, Failure> {
        let mut counts = Counts::new();
        let mut line: Option<TcpStream> = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                return Ok(counts);
            }
            let (request, proof, said) = self.request(number);
            let asked = ask(self.address, &mut line, &request);
            let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await;
            let (status, code) = match answer {
                Ok(Some(answer)) => answer,
                Ok(None) => (0, "closed".to_owned()),
                Err(_) => return Err(Failure::failed(format!("no answer in time: {said}"))),
            };
            // Whatever was wrong with the request, the next one is none of its business.
            if status != 202 {
                line = None;
            }
            if status >= 500 || (proof == Proof::None && status == 202) {
                eprintln!("answered {status} {code}: {said}");
            }
            if proof == Proof::None && status == 202 {
                return Err(Failure::failed("what proves nothing was accepted"));
            }
            *counts.entry((status, code)).or_default() += 1;
        }
    }

    /// A request as bytes, what it proves, and how it was made.
    fn request(&mut self, number: u64) -> (Vec<u8>, Proof, String) {
        let dice = &mut self.dice;
        let sample = &self.samples[dice.roll(self.samples.len())];
        let Some(door) = self.doors.iter().find(|door| door.face == sample.face) else {
            return (Vec::new(), Proof::Perhaps, "nothing".to_owned());
        };
        let damage: Vec<Damage> = (0..dice.roll(5))
            .map(|_| Damage::of(dice.any(), dice.any(), dice.any()))
            .collect();
        let letter = Letter {
            id: format!("72d3162e-cc78-11e3-81ab-{number:012x}"),
            event: sample.event.clone(),
            body: damaged(&sample.body, &damage),
            at: shared::clock::Clock::system().now(),
        };
        let (headers, mut proof) =
            forged(&letter, door.scheme, &door.secret, |below| dice.roll(below));
        let mut request = format!("POST {} HTTP/1.1\r\nhost: bench\r\n", door.path).into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(&value);
            request.extend_from_slice(b"\r\n");
        }
        let length = letter.body.len();
        let mut rest = format!("content-length: {length}\r\n\r\n").into_bytes();
        let broken = dice.roll(200);
        if broken < 4 {
            proof = Proof::Perhaps;
        }
        match broken {
            0 => rest = [b"x-odd: a\x00b\r\n", rest.as_slice()].concat(),
            1 => rest = b"content-length: many\r\n\r\n".to_vec(),
            2 => rest = format!("content-length: {}\r\n\r\n", length + 7).into_bytes(),
            3 => rest = b"transfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
            _ => {}
        }
        request.extend_from_slice(&rest);
        request.extend_from_slice(&letter.body);
        let said = format!(
            "number {number}, {} with {damage:?}, {proof:?}, {broken}",
            sample.name
        );
        (request, proof, said)
    }
}

/// Status and code of the answer; `None` where the connection was closed instead.
async fn ask(
    address: SocketAddr,
    line: &mut Option<TcpStream>,
    request: &[u8],
) -> Option<(u16, String)> {
    let mut stream = match line.take() {
        Some(stream) => stream,
        None => TcpStream::connect(address).await.ok()?,
    };
    let _ = stream.set_nodelay(true);
    // Refused in the middle, the rest may not be taken.
    let _ = stream.write_all(request).await;
    let mut buffer = vec![0_u8; 16 * 1024];
    let short = request_is_short(request);
    if short {
        let _ = stream.shutdown().await;
    }
    let (status, body) = read_answer(&mut stream, &mut buffer).await.ok()?;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = body["code"].as_str().or_else(|| body["status"].as_str());
    *line = (!short).then_some(stream);
    Some((status, word.unwrap_or("without a document").to_owned()))
}

/// Whether it promises more than it brings.
fn request_is_short(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return true;
    };
    let text = String::from_utf8_lossy(&request[..head]);
    let length = text
        .lines()
        .filter_map(|line| line.strip_prefix("content-length: "))
        .filter_map(|value| value.parse::<usize>().ok())
        .next_back();
    length.is_some_and(|length| request.len() < head + 4 + length)
}

#[derive(Default)]
struct Ended {
    open: i64,
    failed_jobs: i64,
}

/// Waits for the end of all deliveries that were taken.
async fn all_ended(rig: &Rig) -> Result<Ended, Failure> {
    let mut db = PgConnection::connect_with(&rig.database.connect_options()).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        let (open, failed_jobs): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM webhook_deliveries WHERE status = 0), \
                (SELECT count(*) FROM jobs WHERE kind = 'handle_delivery' AND status = 3)",
        )
        .fetch_one(&mut db)
        .await?;
        if open == 0 || Instant::now() > until {
            return Ok(Ended { open, failed_jobs });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
