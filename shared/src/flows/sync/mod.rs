//! Syncs: asked for, and their runs.

mod due;
mod list;
mod request;

pub use due::due;
pub use list::list;
pub use request::{job, request};
