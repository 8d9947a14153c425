//! What happens around every call.

mod body_limit;
mod edge;
mod guard;
mod idempotency;
mod request_id;
mod security_headers;
mod throttle;

pub(crate) use edge::{LineEnd, PeerAddress, edge};
pub(crate) use guard::{Standing, guard, permit_in, request_info};
pub(crate) use throttle::Throttle;
