//! Repositories: what syncs have stored, and what a connection sees right now.

mod available;
mod branches;
mod get;
mod list;
mod listings;
mod locate;
mod of_connection;
mod profile;

pub use available::{Available, AvailableRepository, UnavailableConnection, available};
pub use branches::branches;
pub use get::get;
pub use list::list;
pub use listings::Listings;
pub(in crate::flows) use locate::locate;
pub use of_connection::{ConnectionPage, ListedRepository, Query, Source, of_connection};
pub use profile::profile;

pub use crate::store::repositories::{Filter, Key};
