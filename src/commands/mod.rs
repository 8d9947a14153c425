//! One file per command.

mod api;
mod bench;
mod demo;
mod jobs;
mod keys;
mod migrate;
mod openapi;
mod token;
mod up;
mod worker;

use shared::config::{Config, Process};

use crate::cli::{Keys, Run, Token};
use crate::environment::Environment;
use crate::exit::Failure;

/// Runs a command to its end.
pub async fn run(command: Run, environment: Environment) -> Result<(), Failure> {
    match command {
        Run::Up => up::run(&environment).await,
        Run::Api => api::run(&environment).await,
        Run::Worker => worker::run(&environment).await,
        Run::Migrate => migrate::run(&environment).await,
        Run::Demo(demo) => demo::run(environment, demo.once).await,
        Run::Token(Token::Create(token)) => token::create(&environment, &token),
        Run::Keys(Keys::Generate { id }) => keys::generate(id.as_deref()),
        Run::Jobs(jobs) => jobs::run(&environment, jobs).await,
        Run::Openapi => openapi::run(),
        Run::Bench(bench) => bench::run(environment, bench).await,
    }
}

/// The configuration, with logging begun and the warnings in the log.
fn configure(environment: &Environment, process: Process) -> Result<Config, Failure> {
    let loaded = environment.load(process)?;
    shared::telemetry::start(&loaded.config.telemetry, environment.terminal)
        .map_err(Failure::failed)?;
    for warning in loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded.config)
}
