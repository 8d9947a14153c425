//! Repositories that scanners may touch.

mod connect;
mod disconnect;
mod read;
mod update;

pub use connect::{NewConnectedRepository, connect};
pub use disconnect::disconnect;
pub use read::{get, list};
pub use update::{Changes, update};
