//! Lending a connection's token to git, and taking it back.
//!
//! Needs: a clone that runs for half an hour must not lose its token to a renewal in the middle; a
//! renewal must not wait for ever for somebody who never came back; who used what for what must be
//! on record.
//! Design: a lease with an end of its own, never beyond the token's last minute. The lease is
//! written down first, then noted on the token's row under its lock, where a renewal looks. A
//! renewal that kills the token waits for the longest lease, but not into the last minute.
//!
//! Races, by name:
//! - *Renewal under way*: the row says so; the caller waits for it and gets the new token.
//! - *Renewal just after*: it locks the same row and finds the lease.
//! - *Died half-way*: a lease without its note is no lease to a renewal and was never handed out; a
//!   note without a hand-out makes a renewal wait for minutes at most.
//! - *Given back beside a hand-out*: what is still lent is counted under the row's lock, after the
//!   other's lease was written down.

mod give_back;
mod issue;
mod lend;

pub use give_back::give_back;
pub use issue::{Issued, NewLease, issue};
