//! The program: reads the command line and the environment, runs one command, ends with its code.

mod cli;
mod commands;
mod environment;
mod exit;
mod scratch;
mod secrets;
mod service;
mod signals;

use std::process::ExitCode;

use environment::Environment;
use exit::Failure;

// A provider's page is half a megabyte of small texts, made by one thread and let go by another: with the
// system's allocator that is a good part of a sync's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let parsed = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Also the answers to --help and --version. A closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = Environment::read(parsed.flags, parsed.config.as_deref())
        .and_then(|environment| run(parsed.run, environment));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: cli::Run, environment: Environment) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(commands::run(command, environment))
}
