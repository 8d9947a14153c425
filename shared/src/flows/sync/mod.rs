//! Syncs: asked for, and their runs.

mod list;
mod request;

pub use list::list;
pub use request::{job, request};
