//! Sending deliveries over kept connections, one in flight on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::stage::Stage;
use crate::exit::Failure;

/// What came of a load.
pub struct Measured {
    /// Answers per second.
    pub rate: f64,
    /// The median time to the answer.
    pub p50: Duration,
    /// The time that one in a hundred exceeds.
    pub p99: Duration,
    /// Answers in all.
    pub answers: usize,
}

/// When one connection sends: at `first` and every `every` from then on.
#[derive(Clone, Copy)]
struct Turns {
    first: Duration,
    every: Duration,
}

/// Over so many connections for so long: as fast as answers come, or so many a second whatever comes
/// back. A delivery whose turn came while its connection waited for an answer counts from its turn.
pub async fn send(
    stage: &Arc<Stage>,
    connections: usize,
    rate: Option<u32>,
    time: Duration,
) -> Result<Measured, Failure> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let count = u32::try_from(connections).unwrap_or(1).max(1);
    for place in 0..count {
        let turns = rate.map(|rate| {
            let every = Duration::from_secs(1) * count / rate.max(1);
            Turns {
                first: every * place / count,
                every,
            }
        });
        tasks.spawn(one_connection(Arc::clone(stage), began, time, turns));
    }
    let mut latencies: Vec<Duration> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.map_err(|error| Failure::failed(error.to_string()))??);
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    let at = |part: f64| {
        let index = (latencies.len() as f64 * part) as usize;
        let index = index.min(latencies.len().saturating_sub(1));
        latencies.get(index).copied().unwrap_or_default()
    };
    Ok(Measured {
        rate: latencies.len() as f64 / took.as_secs_f64(),
        p50: at(0.50),
        p99: at(0.99),
        answers: latencies.len(),
    })
}

async fn one_connection(
    stage: Arc<Stage>,
    began: Instant,
    time: Duration,
    turns: Option<Turns>,
) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(stage.address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut latencies = Vec::new();
    let mut turn = turns.map(|turns| turns.first);
    while began.elapsed() < time {
        let request = stage.next();
        let mut from = Instant::now();
        if let (Some(at), Some(turns)) = (turn, turns) {
            let due = began + at;
            if from < due {
                tokio::time::sleep_until(due.into()).await;
                // The timer's own lateness is none of the answer's.
                from = Instant::now();
            } else {
                from = due;
            }
            turn = Some(at + turns.every);
        }
        stream.write_all(&request).await?;
        let (status, _) = read_answer(&mut stream, &mut buffer).await?;
        if status != 202 {
            return Err(Failure::failed(format!("a delivery was answered {status}")));
        }
        stage.note();
        latencies.push(from.elapsed());
    }
    Ok(latencies)
}

/// One call with a token; its JSON.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: &str,
) -> Result<Value, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = vec![0_u8; 64 * 1024];
    let (status, body) = read_answer(&mut stream, &mut buffer).await?;
    if !(200..300).contains(&status) {
        return Err(Failure::failed(format!(
            "{method} {path} was answered {status}"
        )));
    }
    serde_json::from_slice(&body).map_err(|error| Failure::failed(error.to_string()))
}

/// Reads one answer whole: its status and its body.
pub(super) async fn read_answer(
    stream: &mut TcpStream,
    buffer: &mut [u8],
) -> Result<(u16, Vec<u8>), Failure> {
    let broken = || Failure::failed("an answer broke off, or is too long");
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(broken());
        }
        filled += read;
        let Some(end) = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).map_err(|_| broken())?;
        let status = head
            .get(9..12)
            .and_then(|text| text.parse().ok())
            .ok_or_else(broken)?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let length: usize = length
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let whole = end + 4 + length;
        while filled < whole {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Err(broken());
            }
            filled += read;
        }
        return Ok((status, buffer[end + 4..whole].to_vec()));
    }
}
