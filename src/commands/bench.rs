//! `mooring bench NAME`: the built-in benchmarks.

use crate::cli::Bench;
use crate::environment::Environment;
use crate::exit::Failure;

/// A benchmark: its name, what it measures, and how to run it.
struct Entry {
    name: &'static str,
    run: fn(&Environment, &[String]) -> Result<(), Failure>,
}

/// Every benchmark.
const BENCHES: &[Entry] = &[];

/// Runs the one that is asked for.
pub fn run(environment: &Environment, asked: &Bench) -> Result<(), Failure> {
    match BENCHES.iter().find(|entry| entry.name == asked.name) {
        Some(entry) => (entry.run)(environment, &asked.arguments),
        None => {
            let known: Vec<_> = BENCHES.iter().map(|entry| entry.name).collect();
            let known = if known.is_empty() {
                "this build has none".to_owned()
            } else {
                format!("there are: {}", known.join(", "))
            };
            Err(Failure::usage(format!(
                "{:?} is no benchmark; {known}",
                asked.name
            )))
        }
    }
}
