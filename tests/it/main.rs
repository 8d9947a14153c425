//! The system as a whole: API, workers, Postgres, and the sandbox forge, driven over HTTP, with a
//! clock that a test can move.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

mod activity;
mod bad_input;
mod connections;
mod conventions;
mod events;
mod github_app;
mod jobs;
mod jwt;
mod limits;
mod oauth;
mod organizations;
mod plans;
mod processes;
mod provider_configs;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod refresh;
mod repositories;
mod routes;
mod secrets;
mod sync;
mod sync_runs;
mod syncing;
mod tenancy;
mod upkeep;
mod webhooks;
mod world;
