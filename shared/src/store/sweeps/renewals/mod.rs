//! The two statements of the refresh protocol (`session::refresh`), each for many connections of
//! many tenants at once, and what is due.
//!
//! They go through the door across tenants because a storm of renewals spreads over tenants, and a
//! transaction for each would cost more than the renewal. No sealed column is read here: the new
//! pair is written, and only its own tenant can read it.
//!
//! Rows are locked in the order of their ids, connections before credentials, as every transaction
//! of a tenant does, so that no two can wait for each other in a circle.

mod due;
mod store;
mod take;

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

pub use due::{DueToken, due_tokens, lent_until};
pub use store::{Renewed, Stored, store};
pub use take::{Answer, Verdict, Waits, Wanted, take};

pub(in crate::store) fn interval(length: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(length.as_micros()).unwrap_or(i64::MAX),
    }
}
