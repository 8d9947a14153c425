//! Registrations at providers: an organization's own OAuth app and GitHub App, and the
//! certificate authority of its own instance; the platform's likewise, for every organization.

mod delete;
mod input;
mod list;
mod merge;
mod save;
mod warn;

pub use delete::delete;
pub use input::{Field, Save};
pub use list::list;
pub use save::{Saved, save};
pub use warn::warn;
