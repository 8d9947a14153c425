//! The system as a whole: API, workers, Postgres, and the sandbox forge, driven over HTTP, with a
//! clock that a test can move.
#![allow(clippy::unwrap_used, reason = "tests")]

mod connections;
mod routes;
mod sync;
mod tenancy;
mod world;
