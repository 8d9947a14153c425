//! `mooring bench queue`: drain rates at several backlogs, with and without an old snapshot held,
//! the rate of enqueueing, and how soon a job starts; or how fair it is, how it weathers a storm, or
//! whether it grows for ever.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;
use shared::clock::Clock;
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;
use worker::bench::{BenchError, QueueBench, Soak, fairness, queue, queue_worker, soak};

use super::rig::Rig;
use super::storm;
use crate::environment::Environment;
use crate::exit::Failure;

/// As the service has it where nothing is set.
const LEASE: Duration = Duration::from_secs(60);

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench queue")]
pub(super) struct Options {
    /// Jobs in a backlog; repeatable [default: 20000, 100000, 1000000; 100000 with --fairness, 60000 with --storm]
    #[arg(long = "jobs")]
    pub(super) jobs: Vec<u64>,
    /// Worker processes [default: 2; 6 with --storm]
    #[arg(long)]
    pub(super) processes: Option<usize>,
    /// Organizations that the jobs belong to
    #[arg(long, default_value_t = 10)]
    pub(super) organizations: u32,
    /// Jobs in flight per process
    #[arg(long, default_value_t = 64)]
    pub(super) concurrency: usize,
    /// Drain each backlog once more while an old snapshot stands
    #[arg(long)]
    snapshot: bool,
    /// Single jobs per second whose start is timed; repeatable
    #[arg(long = "arrivals", default_values_t = [200, 1000])]
    arrivals: Vec<u32>,
    /// For how many seconds each is measured [default: 10; 30 with --fairness]
    #[arg(long)]
    seconds: Option<u64>,
    /// Measure how long one organization's jobs wait while another has a backlog, instead
    #[arg(long, group = "mode")]
    fairness: bool,
    /// For so many seconds kill workers, stop and crash the database, and see whether anything is lost, instead
    #[arg(long, group = "mode", value_name = "SECONDS")]
    storm: Option<u64>,
    /// Workers that are killed every second of the storm
    #[arg(long, default_value_t = 3)]
    pub(super) kills: usize,
    /// Chooses which workers the storm meets
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// For so many minutes enqueue at a constant rate, and see what grows, instead
    #[arg(long, group = "mode", value_name = "MINUTES")]
    soak: Option<u64>,
    /// Jobs per second of the soak
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// For how many seconds the soak keeps jobs that have ended [default: a quarter of its time, at most 300]
    #[arg(long)]
    keep: Option<u64>,
}

impl Options {
    fn bench(&self, connect: PgConnectOptions, program: PathBuf) -> QueueBench {
        let concurrency = self.concurrency;
        QueueBench {
            connect,
            jobs: match self.jobs.as_slice() {
                [] => vec![20_000, 100_000, 1_000_000],
                some => some.to_vec(),
            },
            processes: self.processes.unwrap_or(2),
            organizations: self.organizations,
            concurrency,
            snapshot: self.snapshot,
            arrivals: self.arrivals.clone(),
            arrivals_for: Duration::from_secs(self.seconds.unwrap_or(10)),
            clock: Clock::system(),
            worker: Box::new(move || worker(&program, concurrency, LEASE)),
        }
    }
}

/// A process of this program that works for the benchmark.
pub(super) fn worker(program: &PathBuf, concurrency: usize, lease: Duration) -> Command {
    let mut command = Command::new(program);
    let (jobs, lease) = (concurrency.to_string(), lease.as_millis().to_string());
    command.args(["bench", WORKER, &jobs, &lease]);
    command
}

/// The name under which this program is started as a worker of the benchmark.
pub const WORKER: &str = "queue-worker";

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench queue".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let program = std::env::current_exe()?;
    if let Some(seconds) = options.storm {
        let time = Duration::from_secs(seconds);
        return storm::run(&environment, &options, program, time).await;
    }
    let rig = Rig::start(environment).await?;
    let bench = options.bench(rig.database.connect_options(), program);
    let measured = measure(&options, &bench).await;
    rig.end().await;
    measured.map_err(|error| Failure::failed(error.to_string()))
}

async fn measure(options: &Options, bench: &QueueBench) -> Result<(), BenchError> {
    if options.fairness {
        let time = Duration::from_secs(options.seconds.unwrap_or(30));
        let backlog = options.jobs.first().copied().unwrap_or(100_000);
        fairness(bench, backlog, time, print).await?;
    } else if let Some(minutes) = options.soak {
        let keep = options.keep.unwrap_or((minutes * 15).min(300));
        let wanted = Soak {
            time: Duration::from_secs(minutes * 60),
            rate: options.rate,
            keep: Duration::from_secs(keep),
        };
        soak(bench, wanted, print).await?;
    } else {
        queue(bench, print).await?;
    }
    Ok(())
}

/// One figure, on one line.
pub(super) fn print<T: Serialize>(line: &T) {
    match serde_json::to_string(line) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("{error}"),
    }
}

/// The worker process itself: the benchmark speaks to it over its input and output.
pub async fn work(_: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let numbers: Vec<u64> = arguments.iter().map_while(|one| one.parse().ok()).collect();
    let (concurrency, lease) = match numbers.as_slice() {
        &[concurrency, lease] => (usize::try_from(concurrency).ok(), lease),
        _ => (None, 0),
    };
    let concurrency =
        concurrency.ok_or_else(|| Failure::usage("how many jobs in flight, and what lease?"))?;
    let name = format!("bench/{}", std::process::id());
    let lease = Duration::from_millis(lease);
    let done = queue_worker(concurrency, lease, &name, Clock::system()).await;
    done.map_err(|error| Failure::failed(error.to_string()))
}
