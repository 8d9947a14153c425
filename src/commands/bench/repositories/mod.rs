//! `mooring bench repositories`: what lists, searches, syncs and sweeps read of ten million repositories.
//!
//! One organization has a tenth of them on ten connections, another has a hundredth on one connection,
//! the rest lie in organizations of 500. For each question: how long it takes, over HTTP or by the store's
//! own function, and what the server says of its plan (`auto_explain`, of the very statement with its very
//! parameters): the nodes, blocks of the buffers, rows that were read and rows that came out. A statement
//! that reads far more than it gives is what this is to find.

mod fill;
mod plans;
mod questions;

use std::time::Duration;

use clap::Parser;
use serde_json::json;

use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;

/// What can be chosen.
#[derive(Parser)]
#[command(name = "mooring bench repositories")]
pub(super) struct Options {
    /// Repositories in all
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// How often each question is asked
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// Print the plans themselves too
    #[arg(long)]
    explain: bool,
}

impl Options {
    /// Of the largest organization.
    fn large(&self) -> u64 {
        (self.rows / 10).max(1_000)
    }

    /// Of the one connection.
    fn connection(&self) -> u64 {
        (self.rows / 100).max(100)
    }
}

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench repositories".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let rig = Rig::start(environment).await?;
    let measured = measure(&rig, &options).await;
    rig.end().await;
    measured
}

async fn measure(rig: &Rig, options: &Options) -> Result<(), Failure> {
    let filled = fill::fill(rig, options).await;
    let filled = filled.map_err(|error| Failure::failed(format!("filling failed: {error}")))?;
    println!(
        "{}",
        json!({
            "bench": "repositories", "what": "filled", "rows": filled.rows, "connections": filled.connections,
            "seconds": filled.took.as_secs(), "rows_per_second": (filled.rows as f64 / filled.took.as_secs_f64()).round(),
            "indexes_and_constraints_s": filled.indexes.as_secs(), "table_mib": filled.table_mib,
            "indexes_mib": filled.indexes_mib,
        })
    );
    let times = options.times.max(1);
    questions::ask_all(rig, options, times).await
}

/// The median, and the longest.
fn spread(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    (at(times.len() / 2), at(times.len().saturating_sub(1)))
}
