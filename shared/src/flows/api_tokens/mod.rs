//! API tokens: made, listed, deleted. The secret is shown once.

mod create;
mod delete;
mod list;

pub use create::{Made, NewApiToken, create};
pub use delete::delete;
pub use list::list;
