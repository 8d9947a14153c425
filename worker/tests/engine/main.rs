//! The engine on a real Postgres.

mod support;
mod verdicts;
