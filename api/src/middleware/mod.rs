//! What happens around every call.

mod body_limit;
mod edge;
mod guard;
mod idempotency;
mod request_id;
mod security_headers;
mod throttle;

pub(crate) use edge::{PeerAddress, edge};
pub(crate) use guard::guard;
pub(crate) use throttle::Throttle;
