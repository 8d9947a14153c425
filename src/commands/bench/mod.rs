//! `mooring bench NAME`: the built-in benchmarks. Each starts what it needs on loopback and prints
//! one JSON line per figure, with its conditions.

mod lists;
mod load;
mod memory;
mod queue;
mod redis_server;
mod refresh;
mod repositories;
mod rig;
mod storm;
mod sync;
mod webhooks;

use std::pin::Pin;

use crate::cli::Bench;
use crate::environment::Environment;
use crate::exit::Failure;

/// A benchmark: its name, what it measures, and how to run it.
struct Entry {
    name: &'static str,
    about: &'static str,
    run: fn(Environment, Vec<String>) -> Work,
}

type Work = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Every benchmark.
const BENCHES: &[Entry] = &[
    Entry {
        name: "lists",
        about: "pages of an organization of 450 and of 100,000 connections, 1,000,000 in all",
        run: |environment, arguments| Box::pin(lists::run(environment, arguments)),
    },
    Entry {
        name: "queue",
        about: "the job table: drain rate, enqueue rate, how soon a job starts; --fairness, --storm, --soak",
        run: |environment, arguments| Box::pin(queue::run(environment, arguments)),
    },
    Entry {
        name: "refresh",
        about: "tokens renewed per second, everything due at once; --storm: none spent twice while processes die",
        run: |environment, arguments| Box::pin(refresh::run(environment, arguments)),
    },
    Entry {
        name: "repositories",
        about: "lists, searches, pages of syncs and sweeps over 10,000,000 repositories, with their plans",
        run: |environment, arguments| Box::pin(repositories::run(environment, arguments)),
    },
    Entry {
        name: "sync",
        about: "repositories found and stored: one account of 10,000, 50 of 500 at once, first and again",
        run: |environment, arguments| Box::pin(sync::run(environment, arguments)),
    },
    Entry {
        name: "webhooks",
        about: "deliveries verified and committed per second, time to the answer, beside pgbench; --storm: none lost while processes die; --slow: bodies that never end; --fuzz: damaged ones",
        run: |environment, arguments| Box::pin(webhooks::run(environment, arguments)),
    },
    Entry {
        name: queue::WORKER,
        about: "a worker process of the above; started by it",
        run: |environment, arguments| Box::pin(queue::work(environment, arguments)),
    },
];

/// Runs the one that is asked for.
pub async fn run(environment: Environment, asked: Bench) -> Result<(), Failure> {
    match BENCHES.iter().find(|entry| entry.name == asked.name) {
        Some(entry) => (entry.run)(environment, asked.arguments).await,
        None => {
            let known: Vec<_> = BENCHES
                .iter()
                .map(|entry| format!("\n  {}: {}", entry.name, entry.about))
                .collect();
            Err(Failure::usage(format!(
                "{:?} is no benchmark; there are:{}",
                asked.name,
                known.concat()
            )))
        }
    }
}
