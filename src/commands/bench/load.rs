//! A load generator that costs little beside what it measures: HTTP/1.1 over kept connections, one
//! request in flight on each, answers read by their announced length.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::exit::Failure;

/// What came of a load.
pub struct Measured {
    /// Answers per second.
    pub rate: f64,
    /// The median latency.
    pub p50: Duration,
    /// The latency that one in a hundred exceeds.
    pub p99: Duration,
    /// Answers in all.
    pub answers: usize,
    /// Bytes of one answer's body.
    pub body_bytes: usize,
}

/// Sends the same request over `connections` connections for `time`, as fast as answers come.
/// Anything but a 200 is a failure.
pub async fn closed_loop(
    address: SocketAddr,
    request: &str,
    connections: usize,
    time: Duration,
) -> Result<Measured, Failure> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let request = request.as_bytes().to_vec();
        tasks.spawn(one_connection(address, request, began + time));
    }
    let (mut latencies, mut body_bytes) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (times, length) = done.map_err(|error| Failure::failed(error.to_string()))??;
        latencies.extend(times);
        body_bytes = length;
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    let at = |part: f64| -> Duration {
        let index = (latencies.len() as f64 * part) as usize;
        latencies
            .get(index.min(latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    Ok(Measured {
        rate: latencies.len() as f64 / took.as_secs_f64(),
        p50: at(0.50),
        p99: at(0.99),
        answers: latencies.len(),
        body_bytes,
    })
}

/// Sends a request once, over a connection of its own; how long its answer took. Anything but a 200 is a
/// failure.
pub async fn once(address: SocketAddr, request: &str) -> Result<Duration, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0_u8; 256 * 1024];
    let sent = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    read_answer(&mut stream, &mut buffer).await?;
    Ok(sent.elapsed())
}

async fn one_connection(
    address: SocketAddr,
    request: Vec<u8>,
    until: Instant,
) -> Result<(Vec<Duration>, usize), Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut latencies = Vec::new();
    let mut length = 0;
    while Instant::now() < until {
        let sent = Instant::now();
        stream.write_all(&request).await?;
        length = read_answer(&mut stream, &mut buffer).await?;
        latencies.push(sent.elapsed());
    }
    Ok((latencies, length))
}

/// Reads one answer whole; the length of its body.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize, Failure> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(Failure::failed(
                "the connection was closed, or an answer is too long",
            ));
        }
        filled += read;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else {
            continue;
        };
        if !buffer.starts_with(b"HTTP/1.1 200 ") {
            let text = String::from_utf8_lossy(&buffer[..filled]).into_owned();
            return Err(Failure::failed(format!("not a 200: {text}")));
        }
        let length = content_length(&buffer[..head])
            .ok_or_else(|| Failure::failed("an answer without a content-length"))?;
        while filled < head + 4 + length {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Err(Failure::failed("an answer broke off"));
            }
            filled += read;
        }
        return Ok(length);
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    line?.trim().parse().ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
