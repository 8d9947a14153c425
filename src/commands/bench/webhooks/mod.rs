//! `mooring bench webhooks`: how many deliveries a second are verified and committed, how soon they are
//! answered at steady rates, and what `pgbench` makes of one row per commit on the same server.
//!
//! The load generator, the API and Postgres share the machine. No workers run: what is measured ends at
//! the answer, which comes after the commit. Each body is another one, of the size of a real push.

mod children;
mod doors;
mod fuzz;
mod peer;
mod sender;
mod slow;
mod stage;
mod storm;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;
use sender::Measured;
use stage::Stage;

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench webhooks")]
struct Options {
    /// Connections of the senders
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Steady rates, deliveries a second; repeatable [default: 500, 2000]
    #[arg(long = "rate")]
    rates: Vec<u32>,
    /// Organizations that are delivered to
    #[arg(long, default_value_t = 16)]
    organizations: usize,
    /// Send so many deliveries while processes are killed and the server crashes, instead
    #[arg(long, group = "mode", value_name = "DELIVERIES")]
    storm: Option<u64>,
    /// Open so many connections whose bodies never end, instead
    #[arg(long, group = "mode", value_name = "CONNECTIONS")]
    slow: Option<usize>,
    /// Send so many damaged deliveries, instead
    #[arg(long, group = "mode", value_name = "DELIVERIES")]
    fuzz: Option<u64>,
    /// Chooses the damage
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where examples of the vendors lie, a folder for each, to be damaged beside the forge's
    #[arg(long, default_value = "../shared/contracts/webhooks")]
    examples: String,
}

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench webhooks".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let rig = Rig::start(environment).await?;
    let measured = match (options.storm, options.slow, options.fuzz) {
        (Some(deliveries), ..) => storm::run(&rig, &options, deliveries).await,
        (_, Some(connections), _) => slow::run(&rig, &options, connections).await,
        (.., Some(deliveries)) => fuzz::run(&rig, &options, deliveries).await,
        _ => measure(&rig, &options).await,
    };
    rig.end().await;
    measured
}

async fn measure(rig: &Rig, options: &Options) -> Result<(), Failure> {
    let (running, address, token) = rig.serve().await?;
    let stage = Stage::set(rig, address, &token, options.organizations).await?;
    let stage = Arc::new(stage);
    let time = Duration::from_secs(options.seconds);
    // Pools and caches fill, and the tables get their first pages.
    sender::send(&stage, options.connections, None, Duration::from_secs(1)).await?;
    let full = sender::send(&stage, options.connections, None, time).await?;
    tell("full speed", &full, options, &stage);
    let rates = match options.rates.as_slice() {
        [] => vec![500, 2000],
        some => some.to_vec(),
    };
    for rate in &rates {
        let steady = sender::send(&stage, options.connections, Some(*rate), time).await?;
        tell(&format!("{rate}/s"), &steady, options, &stage);
    }
    let stored = stage.stored(rig).await?;
    let peer = peer::run(rig, stage.body(), options.connections, time, &rates).await?;
    for steady in &peer.steady {
        println!(
            "{}",
            json!({
                "bench": "webhooks", "what": format!("one row per commit, {}/s", steady.rate), "by": peer.by,
                "p50_ms": milliseconds(steady.p50), "p99_ms": milliseconds(steady.p99),
            })
        );
    }
    println!(
        "{}",
        json!({
            "bench": "webhooks", "what": "one row per commit", "by": peer.by,
            "rows_per_second": peer.rate.round(), "lz4": peer.lz4,
            "connections": options.connections, "body_bytes": stage.body_bytes(),
            "deliveries_to_rows": (full.rate / peer.rate * 100.0).round() / 100.0,
        })
    );
    println!(
        "{}",
        json!({ "bench": "webhooks", "what": "stored", "rows": stored, "accepted": stage.accepted(),
            "equal": stored == stage.accepted() })
    );
    running.end(&rig.config).await;
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

fn tell(what: &str, measured: &Measured, options: &Options, stage: &Stage) {
    println!(
        "{}",
        json!({
            "bench": "webhooks",
            "what": what,
            "deliveries_per_second": measured.rate.round(),
            "ack_p50_ms": milliseconds(measured.p50),
            "ack_p99_ms": milliseconds(measured.p99),
            "deliveries": measured.answers,
            "connections": options.connections,
            "organizations": options.organizations,
            "body_bytes": stage.body_bytes(),
            "conditions": "senders, API and Postgres (fsync on) on one machine; no workers",
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        })
    );
}
