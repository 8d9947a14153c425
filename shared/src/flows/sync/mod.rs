//! Syncs: asked for, and their runs.

mod due;
mod list;
mod request;

pub use due::{TURNS_EVERY, due};
pub use list::list;
pub use request::{job, request};
