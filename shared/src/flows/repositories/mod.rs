//! Repositories: what syncs have stored, and what a connection sees right now.

mod branches;
mod get;
mod list;
mod of_connection;

pub use branches::branches;
pub use get::get;
pub use list::list;
pub use of_connection::{ConnectionPage, ListedRepository, Query, Source, of_connection};

pub use crate::store::repositories::{Filter, Key};
