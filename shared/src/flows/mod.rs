//! Verbs on our own state: one transaction each, fast, callable from a request or a job.
//!
//! Flows write down what is wanted; jobs go out and make it so. The exceptions that talk to a
//! provider inside a request are named where they stand, and go through `session`.

pub mod activity;
pub mod api_tokens;
pub mod audit;
pub mod callers;
pub mod connected_repositories;
pub mod connections;
mod context;
pub mod credentials;
mod error;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod members;
mod name;
pub mod oauth;
pub mod organizations;
pub mod provider_configs;
pub mod repositories;
pub mod sync;
mod turns;
pub mod webhooks;

pub use context::{Context, RefreshSettings, Retention, TurnSettings};
pub use error::{Dependant, Error, FieldError};
pub use turns::TURNS_EVERY;
