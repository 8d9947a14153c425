//! The job engine on a real Postgres: what promises it keeps through kills, pauses and floods.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

mod cancel;
mod dedupe;
mod fairness;
mod figures;
mod plans;
mod record;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod schedule;
mod shutdown;
mod storm;
mod support;
mod takeover;
mod verdicts;
mod wake;
