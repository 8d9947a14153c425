//! Who may do what: callers, roles, and the [`Permit`] without which no flow runs.
//!
//! Needs: no handler can forget a check; another tenant's resource does not exist for a caller.
//! Design: the signature is the policy. Flows take a [`Permit`], and only this module makes one:
//! [`require`](permit) for callers, [`Permit::for_job`] for work that a permit already asked for.

mod permission;
mod permit;

pub use permission::Permission;
pub use permit::{Permit, RequestInfo};
