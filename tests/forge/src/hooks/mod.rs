//! Webhooks: set up at each provider's API, delivered in its own form, with what goes wrong on the way.

mod api;
mod damage;
mod deliver;
mod forgery;
mod github;
mod lists;
mod payload;
mod samples;
mod sign;

pub use api::subscription_id;
pub(crate) use api::{azure, bitbucket, gitlab};
pub use damage::{Damage, damaged};
pub use deliver::Post;
pub use forgery::{Header, Proof, forged};
pub(crate) use github::{as_app, github};
pub use payload::Happened;
pub use samples::{Sample, examples, samples};
pub use sign::{Letter, Scheme};
