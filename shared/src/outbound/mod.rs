//! Every byte that leaves.
//!
//! Needs: people give us URLs and tokens; a URL must not reach what only we can reach (the
//! database, a metadata service, a neighbour's machine), a token must not reach another host than
//! its own, and no host may hold us for ever or fill our memory.
//!
//! Properties, for every request, whoever builds it ([`Outbound::send`] is the only way out; the
//! providers' libraries are given it as their transport):
//! - it connects to public addresses only, or to what [`OutboundAllow`] opens;
//! - it speaks HTTPS, or the target is one that the operator allows;
//! - a redirect is followed for reading, within one origin, a bounded number of times, or not at
//!   all where its caller wants it so;
//! - it trusts the machine's authorities, and for one instance the authority that somebody named for
//!   it ([`CaCertificate`] among the request's extensions), by a client of its own;
//! - it ends: connecting, the whole, and the size of the body have limits ([`Limits`]);
//! - it is sent once: nothing here repeats a request, and what a memory holds ([`Memory`]) is asked for
//!   too;
//! - what is logged is method, host, path, status and duration.
//!
//! Design: hosts that are addresses are judged before every hop (`target`), names by the
//! transport's resolver (`resolver`), which hands exactly the judged addresses to the connection.
//! The resolver is not told the port, but a host pattern has one; so there is one transport per
//! kind of target, each with a resolver of its own, and the URL chooses.
//!
//! The races: a name server that answers differently the second time (rebinding) finds no second
//! time, since resolving and connecting are one step; a connection that is kept was judged when it
//! was made, for that scheme, host and port. A redirect to the same name is judged anew.

mod address;
mod certificate;
mod client;
mod error;
mod limits;
mod link;
mod memory;
pub mod rate_limit;
mod redirect;
mod resolver;
mod target;

pub use crate::domain::ca_certificate::CaCertificate;
pub use crate::domain::outbound_allow::{OutboundAllow, OutboundAllowError};
pub use address::not_public;
pub use certificate::check_certificate;
pub use client::{Outbound, OutboundBuildError, Requests};
pub use error::OutboundError;
pub(crate) use error::find;
pub use limits::Limits;
pub use link::link_parameter;
pub use memory::Memory;
pub use resolver::{Lookup, NotAdmitted, SystemLookup};
pub use target::{UrlError, check_url};
