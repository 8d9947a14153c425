//! `token_refreshes` and the columns of `credentials` that the refresh protocol moves.
//!
//! What one tenant's transaction does of it; taking and storing go for many tenants at once, in
//! [`super::sweeps::renewals`].

mod fail;
mod read;

pub use fail::{Failed, fail, hold_on, postpone};
pub use read::{Attempt, Grant, grant, history};
