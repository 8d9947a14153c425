//! Who calls, and what they may do. Pure: no row is read here.
//!
//! Needs: no handler can forget a check; a tenant's ids tell a stranger nothing; an operator sees
//! on one screen what a role holds.
//! Design: a credential becomes a [`Caller`]; [`require`] turns caller, organization and need into
//! a [`Permit`], and nothing else makes one (jobs have [`Permit::for_job`]). Flows take a permit
//! as an argument, so what was not checked does not compile.
//! Order of the answers: another tenant's resource does not exist (404) before any permission is
//! looked at (403), and the assurance level of the sign-in comes last.

mod caller;
mod need;
mod permission;
mod permit;
mod refusal;
mod roles;

pub mod jwt;

pub use caller::{Assurance, Caller, Memberships, TokenCaller, User};
pub use need::Need;
pub use permission::{Permission, PermissionSet};
pub use permit::{CallContext, Permit, RequestInfo, require, require_signed_in};
pub use refusal::{Denied, Unauthenticated};
pub use roles::{PORTAL_ADMIN, held_by};
