//! How long and how much one request may take.

use std::time::Duration;

/// Bounds of one request. Every one of them has to be set: there is no request without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For resolving, connecting and the TLS handshake. Taken from the client's own limits;
    /// without effect in limits that are given for one request.
    pub connect: Duration,
    /// For the whole of it: every hop, head and body.
    pub deadline: Duration,
    /// Bytes of the body as unpacked.
    pub body_bytes: usize,
    /// Redirects that are followed within one origin.
    pub redirects: u8,
}

impl Limits {
    /// For answers of an API: 10 s to connect, 30 s in all, 16 MiB, 5 redirects.
    pub const API: Self = Self {
        connect: Duration::from_secs(10),
        deadline: Duration::from_secs(30),
        body_bytes: 16 * 1024 * 1024,
        redirects: 5,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::API
    }
}
