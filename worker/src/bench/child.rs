//! A worker process of the bench, from both of its ends.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::domain::job::Priority;
use shared::queue::{Doorbell, Job};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::kinds::{Busy, Stormy};
use crate::runtime::{Handler, JobContext, Registry, Schedule, Verdict};
use crate::{Engine, EngineOptions};

/// A job that does nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Nothing {
    /// When it was enqueued, in microseconds since 1970; 0 where its wait is of no interest.
    pub(super) enqueued_at: i64,
}

impl Job for Nothing {
    const KIND: &'static str = "bench_nothing";
    const PRIORITY: Priority = Priority::Webhook;
}

/// Connections of one process for the jobs that write something; opened by the first of them.
const HANDLERS: u32 = 3;
/// For a job of an outage to be tried again, rather than wait.
const AWAY: Duration = Duration::from_secs(2);

/// What the jobs of one process did, and what they do it with.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    done: Arc<AtomicU64>,
    waits: Arc<Mutex<Vec<i64>>>,
    pub(super) pool: PgPool,
}

impl Tally {
    fn new(connect: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(HANDLERS)
            .acquire_timeout(AWAY)
            .connect_lazy_with(connect);
        Self {
            done: Arc::default(),
            waits: Arc::default(),
            pool,
        }
    }

    /// One more is done.
    pub(super) fn count(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler<Tally> for Nothing {
    async fn run(self, context: JobContext<Tally>) -> Verdict {
        let tally = context.app();
        if self.enqueued_at > 0 {
            let wait = context.now().timestamp_micros() - self.enqueued_at;
            tally
                .waits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(wait);
        }
        tally.count();
        Verdict::done()
    }
}

/// Why a worker process of the bench failed.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// Starting or talking to it.
    #[error("a worker process of the bench: {0}")]
    Io(#[from] std::io::Error),
    /// It said something else than it should.
    #[error("a worker process of the bench said {0:?}")]
    Said(String),
    /// The address it was given.
    #[error("the database address cannot be read: {0}")]
    Address(#[from] sqlx::Error),
}

/// The process itself: reads the database's address and "go", works until its input ends, telling
/// how many jobs it did, and at last how long each waited. `lease` is how long its jobs stay with it
/// when it is killed.
///
/// # Errors
/// Where its input or output breaks.
pub async fn queue_worker(
    concurrency: usize,
    lease: Duration,
    name: &str,
    clock: Clock,
) -> Result<(), ChildError> {
    let mut input = input_lines();
    let connect: PgConnectOptions = input.recv().await.unwrap_or_default().parse()?;
    say("ready")?;
    input.recv().await;
    let tally = Tally::new(connect.clone());
    let engine = Engine::start(EngineOptions {
        connect,
        concurrency,
        lease,
        clock,
        worker: name.to_owned(),
        registry: Registry::new()
            .with::<Nothing>()
            .with::<Busy>()
            .with::<Stormy>(),
        context: tally.clone(),
        schedule: Schedule::new(),
        doorbell: Doorbell::silent(),
        redis: None,
    });
    let mut said = 0;
    loop {
        tokio::select! {
            line = input.recv() => if line.is_none() { break },
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        let done = tally.done.load(Ordering::Relaxed);
        if done != said {
            said = done;
            say(&format!("done {done}"))?;
        }
    }
    engine.shutdown(Duration::from_secs(5)).await;
    let waits = std::mem::take(&mut *tally.waits.lock().unwrap_or_else(PoisonError::into_inner));
    let waits: Vec<String> = waits.iter().map(i64::to_string).collect();
    say(&format!("waits {}", waits.join(" ")))
}

fn say(line: &str) -> Result<(), ChildError> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// The lines of the input, from a thread of its own: there is no other way to wait for them.
fn input_lines() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                break;
            }
        }
    });
    told
}

/// The other end.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts a process that goes at once and is not listened to.
    pub(super) async fn start_unheard(
        mut command: Command,
        connect: &PgConnectOptions,
    ) -> Result<(Child, ChildStdin), ChildError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let Some(mut input) = child.stdin.take() else {
            return Err(ChildError::Said(String::new()));
        };
        let address = connect.to_url_lossy();
        input
            .write_all(format!("{address}\ngo\n").as_bytes())
            .await?;
        Ok((child, input))
    }

    /// Starts a process and waits until it is ready to go.
    pub(super) async fn start(
        mut command: Command,
        connect: &PgConnectOptions,
    ) -> Result<Self, ChildError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ChildError::Said(String::new()));
        };
        let address = connect.to_url_lossy();
        input.write_all(format!("{address}\n").as_bytes()).await?;
        let mut output = BufReader::new(output).lines();
        match output.next_line().await? {
            Some(line) if line == "ready" => Ok(Self {
                child,
                input,
                output,
            }),
            other => Err(ChildError::Said(other.unwrap_or_default())),
        }
    }

    /// Lets it begin.
    pub(super) async fn go(&mut self) -> Result<(), ChildError> {
        self.input.write_all(b"go\n").await?;
        Ok(self.input.flush().await?)
    }

    /// The next count that it tells.
    pub(super) async fn done(&mut self) -> Result<u64, ChildError> {
        let line = self.output.next_line().await?.unwrap_or_default();
        line.strip_prefix("done ")
            .and_then(|count| count.parse().ok())
            .ok_or(ChildError::Said(line))
    }

    /// Ends it; gives the waits of its jobs in microseconds.
    pub(super) async fn end(self) -> Result<Vec<i64>, ChildError> {
        let Self {
            mut child,
            input,
            mut output,
        } = self;
        drop(input);
        let mut waits = Vec::new();
        while let Some(line) = output.next_line().await? {
            if let Some(numbers) = line.strip_prefix("waits") {
                waits = numbers
                    .split_ascii_whitespace()
                    .filter_map(|number| number.parse().ok())
                    .collect();
            }
        }
        child.wait().await?;
        Ok(waits)
    }
}
