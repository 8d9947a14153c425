//! Everything of Mooring that both the API and the workers need.
//!
//! One direction, top to bottom; a test reads the imports and keeps it:
//!
//! ```text
//! flows · session                                    verbs on our own state · open credentials
//! providers · store · vault · queue · limits · authz  siblings
//! outbound                                           every byte that leaves
//! domain · clock · config · telemetry                know nothing of ours
//! ```
//!
//! Two arrows run between siblings, on purpose: `queue` and `limits` write through `store`,
//! because `store` holds the only SQL; and `providers` and the key fetch of `authz` alone see
//! `outbound`.

pub mod authz;
pub mod clock;
pub mod config;
pub mod domain;
pub mod flows;
pub mod limits;
pub mod outbound;
pub mod providers;
pub mod queue;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod vault;
