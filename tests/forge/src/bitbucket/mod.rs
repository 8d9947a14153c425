//! Bitbucket Cloud's REST API 2.0, for what Mooring asks of it.

pub(crate) mod oauth;

use crate::answer::{self, Answer, Asked};
use crate::forge::Forge;

/// The token that a request presents, whatever it is worth.
pub(crate) fn credential(_asked: &Asked) -> Option<String> {
    None
}

pub(crate) fn api(_forge: &Forge, _asked: &Asked) -> Answer {
    answer::bytes(404, "text/plain", "404 page not found\n")
}
