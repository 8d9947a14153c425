//! Tenants: made, listed, changed, ended.

mod create;
mod delete;
mod read;
mod slug;
mod update;

pub use create::{NewOrganization, create};
pub use delete::delete;
pub use read::{exists, get, list};
pub use update::{Changes, update};

use super::Error;

/// The answer to a slug that another tenant has.
fn slug_taken() -> Error {
    Error::Conflict {
        code: "slug_taken",
        message: "Another organization has this slug. Choose another one.".to_owned(),
    }
}
