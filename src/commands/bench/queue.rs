//! `mooring bench queue`: drain rates at several backlogs, with and without an old snapshot held,
//! the rate of enqueueing, and how soon a job starts.

use std::time::Duration;

use clap::Parser;
use shared::clock::Clock;
use tokio::process::Command;
use worker::bench::{QueueBench, queue, queue_worker};

use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench queue")]
struct Options {
    /// Jobs in a backlog; repeatable
    #[arg(long = "jobs", default_values_t = [20_000, 100_000, 1_000_000])]
    jobs: Vec<u64>,
    /// Worker processes
    #[arg(long, default_value_t = 2)]
    processes: usize,
    /// Organizations that the jobs belong to
    #[arg(long, default_value_t = 10)]
    organizations: u32,
    /// Jobs in flight per process
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// Drain each backlog once more while an old snapshot stands
    #[arg(long)]
    snapshot: bool,
    /// Single jobs per second whose start is timed; repeatable
    #[arg(long = "arrivals", default_values_t = [200, 1000])]
    arrivals: Vec<u32>,
    /// For how many seconds, each
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// The name under which this program is started as a worker of the benchmark.
pub const WORKER: &str = "queue-worker";

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench queue".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let program = std::env::current_exe()?;
    let rig = Rig::start(environment).await?;
    let concurrency = options.concurrency;
    let bench = QueueBench {
        connect: rig.database.connect_options(),
        jobs: options.jobs,
        processes: options.processes,
        organizations: options.organizations,
        concurrency,
        snapshot: options.snapshot,
        arrivals: options.arrivals,
        arrivals_for: Duration::from_secs(options.seconds),
        clock: Clock::system(),
        worker: Box::new(move || {
            let mut command = Command::new(&program);
            command.args(["bench", WORKER, &concurrency.to_string()]);
            command
        }),
    };
    let measured = queue(&bench, |measure| match serde_json::to_string(measure) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("{error}"),
    })
    .await;
    rig.end().await;
    measured.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(())
}

/// The worker process itself: the benchmark speaks to it over its input and output.
pub async fn work(_: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let concurrency = arguments.first().and_then(|number| number.parse().ok());
    let concurrency = concurrency.ok_or_else(|| Failure::usage("how many jobs in flight?"))?;
    let name = format!("bench/{}", std::process::id());
    let done = queue_worker(concurrency, &name, Clock::system()).await;
    done.map_err(|error| Failure::failed(error.to_string()))
}
