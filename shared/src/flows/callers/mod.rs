//! From a credential to whoever holds it.

mod authenticate;

pub use authenticate::{TOKEN_PREFIX, Unknown, authenticate};
