//! The workers of this process.

use shared::config::Config;
use worker::{Engine, EngineOptions, RunningEngine};

use super::parts::Parts;

/// Starts them. They outlive a database that is away, so this cannot fail.
pub fn start(config: &Config, parts: &Parts) -> RunningEngine {
    Engine::start(EngineOptions {
        connect: parts.connect.clone(),
        concurrency: config.jobs.concurrency,
        lease: config.jobs.lease,
        clock: parts.context.clock.clone(),
        worker: name(),
        registry: worker::jobs::registry(),
        context: parts.context.clone(),
        schedule: worker::jobs::schedule(),
        doorbell: parts.context.doorbell.clone(),
    })
}

/// `host/pid`: what an operator finds a worker by.
fn name() -> String {
    let host = rustix::system::uname();
    format!("{}/{}", host.nodename().to_string_lossy(), std::process::id())
}
