//! `mooring bench sync`: repositories found and stored per second, first and again.
//!
//! 50 accounts of 500 repositories at once through the job engine, first and again, and how far apart
//! they end. Then one of 10,000, a hundred per page, at a forge that answers after 50 ms: page after
//! page, ten at once, and ten at once a second time, when nothing has changed. Everything runs on this
//! machine: the forge, Postgres and the workers. The forge has written its pages before,
//! and some other accounts were synced.

mod accounts;
mod crowd;
mod single;

use std::time::Duration;

use clap::Parser;
use mooring_forge::{Face, Forge, Match, Serve};

use super::rig::Rig;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::service::parts::Parts;

/// What can be chosen.
#[derive(Clone, Debug, Parser)]
#[command(name = "mooring bench sync")]
pub struct Options {
    /// Repositories of the one account
    #[arg(long, default_value_t = 10_000)]
    repositories: usize,
    /// Milliseconds until the forge answers
    #[arg(long, default_value_t = 50)]
    latency: u64,
    /// Pages at once
    #[arg(long, default_value_t = 10)]
    at_once: usize,
    /// Accounts at once
    #[arg(long, default_value_t = 50)]
    accounts: usize,
    /// Repositories of each
    #[arg(long, default_value_t = 500)]
    each: usize,
}

/// Repositories per page.
const PER_PAGE: usize = 100;

/// What a benchmark of syncs runs on.
pub(super) struct Bench {
    options: Options,
    forge: Forge,
    rig: Rig,
    parts: Parts,
}

/// Runs it.
pub async fn run(environment: Environment, arguments: Vec<String>) -> Result<(), Failure> {
    let arguments = std::iter::once("mooring bench sync".to_owned()).chain(arguments);
    let options =
        Options::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    let forge = Forge::default();
    let served = forge.serve(Serve::default()).await?;
    let rig = Rig::start_with(
        environment,
        [
            ("MOORING_GITHUB_URL", served.github.web_url.clone()),
            ("MOORING_GITHUB_API_URL", served.github.api_url.clone()),
        ],
    )
    .await?;
    let keyring = rig.database.secrets(&rig.config)?.keyring;
    let parts = Parts::assemble(&rig.config, rig.database.connect_options(), keyring).await?;
    let bench = Bench {
        options,
        forge,
        rig,
        parts,
    };
    let outcome = bench.measure().await;
    bench.parts.context.db.close().await;
    bench.rig.end().await;
    served.stop().await;
    outcome
}

impl Bench {
    async fn measure(&self) -> Result<(), Failure> {
        // First: the jobs of the single accounts would run among them.
        self.crowd().await?;
        self.single().await
    }

    /// From now on the forge takes its time, and its log begins anew.
    fn slow(&self) {
        self.forge.clear_log();
        let latency = Duration::from_millis(self.options.latency);
        self.forge.set_latency(Face::GitHub, latency);
    }

    fn fast(&self) {
        self.forge.set_latency(Face::GitHub, Duration::ZERO);
    }

    /// Requests since [`Bench::slow`], and how many of them counted: a 304 does not.
    fn asked(&self) -> (usize, usize) {
        let asked = self.forge.requests(&Match::face(Face::GitHub));
        let free = asked.iter().filter(|one| one.status == Some(304)).count();
        (asked.len(), asked.len() - free)
    }

    /// What the forge alone takes, so many pages at once.
    fn limit(&self, pages: usize, at_once: usize) -> f64 {
        let rounds = pages.div_ceil(at_once.max(1));
        Duration::from_millis(self.options.latency).as_secs_f64() * rounds as f64
    }

    fn print(&self, mut figure: serde_json::Value) {
        let (requests, points) = self.asked();
        figure["bench"] = "sync".into();
        figure["requests"] = requests.into();
        figure["not_modified"] = (requests - points).into();
        figure["quota_points"] = points.into();
        figure["latency_ms"] = self.options.latency.into();
        figure["per_page"] = PER_PAGE.into();
        figure["conditions"] =
            "forge (pages written before), workers and Postgres (fsync on, warm) on one machine"
                .into();
        figure["cores"] = std::thread::available_parallelism()
            .map_or(0, std::num::NonZero::get)
            .into();
        println!("{figure}");
    }
}

/// To thousandths.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
