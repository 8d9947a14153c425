//! The only SQL: free functions over `impl PgExecutor`, a file per table.
//!
//! Needs: a query that forgets its `WHERE` must leak nothing; sweeps must cross tenants; both must
//! be visible in the code.
//! Design: two doors. [`Db::tenant`] opens a transaction as `mooring_app` with the organization
//! set, and row-level security does the rest, so most queries need no `organization_id = …` at
//! all. [`Db::system`] is `mooring_system`: it crosses tenants, sees only granted columns, and is
//! used in `sweeps/`, `lookups.rs`, `inbox.rs` and the job engine, nowhere else (a test reads
//! the source for it).
//! Cost: `BEGIN` and the setting go in one round trip; a transaction that only read is dropped,
//! and its `ROLLBACK` is sent when the connection goes back, off the caller's path.

mod connect;
mod error;
mod migrate;

pub mod activity;
pub mod api_tokens;
pub mod call_windows;
pub mod connected_repositories;
pub mod connections;
pub mod counters;
pub mod credential_leases;
pub mod credentials;
pub mod hook_looks;
pub mod hook_removals;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod jobs_changes;
pub mod jobs_enqueue;
pub mod lookups;
pub mod members;
pub mod oauth_states;
pub mod organizations;
pub mod outbox;
pub mod profiles;
pub mod provider_configs;
pub mod refreshes;
pub mod repositories;
pub mod repository_hooks;
pub mod rotations;
pub mod sweeps;
pub mod sync_pages;
pub mod sync_runs;
pub mod timeline;
pub mod warnings;
pub mod webhook_deliveries;
pub mod webhook_secrets;

pub use connect::{Db, PoolFigures, PoolSizes, SystemExecutor, TenantTx};
pub use error::StoreError;
pub use migrate::{MigrateError, migrate, migrations_hash, missing_migrations};
