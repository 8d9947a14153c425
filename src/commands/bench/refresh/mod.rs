//! `mooring bench refresh`: how many tokens are renewed per second where everything is due at once;
//! or, with `--storm`, whether any refresh token is spent twice while processes die.
//!
//! The provider is the sandbox forge in this process, as GitLab, whose refresh tokens work once; the
//! workers are processes of this program, as in production.

mod grants;
mod rate;
mod storm;
mod workers;

use std::time::Duration;

use clap::Parser;

use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench refresh")]
pub(super) struct Options {
    /// Tokens that are due at once [default: 5000; 2000 with --storm]
    #[arg(long)]
    due: Option<usize>,
    /// Worker processes; repeatable [default: 1, 4; 4 with --storm]
    #[arg(long = "processes")]
    processes: Vec<usize>,
    /// Renewals that the provider works on at once, others wait there [default: 64]; with --storm the
    /// calls in flight over all processes [default: 256]
    #[arg(long)]
    in_flight: Option<usize>,
    /// Jobs in flight in each process, those that read and write included
    #[arg(long, default_value_t = 128)]
    slots: usize,
    /// Milliseconds that the provider takes [default: 20]
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// For so many seconds kill workers while the provider answers in 0–20 s, instead
    #[arg(long, value_name = "SECONDS")]
    storm: Option<u64>,
    /// Of the answers of the storm so many are lost after the provider has committed, per cent
    #[arg(long, default_value_t = 2)]
    lost: u8,
}

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench refresh".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let rig = Rig::start(environment).await?;
    let measured = match options.storm {
        Some(seconds) => storm::run(&rig, &options, Duration::from_secs(seconds)).await,
        None => rate::run(&rig, &options).await,
    };
    rig.end().await;
    measured
}
