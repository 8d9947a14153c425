//! The parts of a request, each checked before a handler sees it.

mod body;
mod delivery_body;
mod id;
mod listing;
mod null;
mod parameters;
mod permitted;
mod read_body;
mod secret_text;

pub(crate) use body::{Body, OptionalBody, present};
pub(crate) use delivery_body::{Room, read_delivery};
pub(crate) use id::{Id, parse as parse_id};
pub(crate) use listing::{Listing, NoFilters, place};
pub(crate) use parameters::Parameters;
pub(crate) use permitted::{Admitted, Asking, Permitted, Who};
pub(crate) use read_body::{TooLarge, read};
pub(crate) use secret_text::SecretText;
