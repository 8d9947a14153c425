//! Webhooks: set up at each provider's API, delivered in its own form, with what goes wrong on the way.

mod api;
mod deliver;
mod github;
mod lists;
mod payload;
mod sign;

pub(crate) use api::{azure, bitbucket, gitlab};
pub use deliver::Post;
pub(crate) use github::{as_app, github};
pub use payload::Happened;
pub use sign::{Letter, Scheme};
