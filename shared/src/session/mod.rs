//! The only place where a provider credential is opened.
//!
//! Needs: a secret must exist in memory as briefly and in as few places as possible; whoever calls
//! a provider must know under which version of the credential, so that a verdict about an old
//! secret is never written against a new one.
//! Design: [`open`](open::open) reads the connection and its credential in one short transaction,
//! opens the secret, and gives a [`Session`]: adapter, access, and the version it is of. No
//! transaction is open while the provider is asked.
//! An installation of a GitHub App has a key and no token: its session mints what it needs
//! ([`installation`]), so that whoever holds the session need not know.
//! Users: jobs, and the requests that cannot wait for a job: checking a pasted token before it is
//! stored, validate, live listings.

pub mod app;
mod ask;
mod explain;
pub mod installation;
mod open;
pub mod refresh;
pub mod rotate;
mod trust;

pub use crate::ask;
pub use ask::{note_refusal, renewed_after};
pub use explain::explain;
pub use installation::{KeySource, MintedTokens, installed};
pub(crate) use open::no_credential;
pub use open::{Asking, Session, access_for, open, open_refused};
pub use trust::{trusting, trusting_kept};
