//! The engine on a real Postgres.

mod cancel;
mod dedupe;
mod fairness;
mod plans;
mod record;
mod schedule;
mod shutdown;
mod support;
mod takeover;
mod verdicts;
