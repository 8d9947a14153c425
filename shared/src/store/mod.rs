//! The only SQL: free functions over `impl PgExecutor`, a file per table.

mod error;

pub mod jobs;
pub mod jobs_enqueue;

pub use error::StoreError;
