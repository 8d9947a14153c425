//! Connections: made, listed, changed, checked, deleted.

mod create;
mod delete;
mod enqueue_wanted;
mod expiry;
mod find;
mod grant;
mod input;
mod installation;
mod judge;
pub(in crate::flows) mod keep;
mod list;
mod refresh;
mod rotate;
mod test;
mod timeline;
mod told;
mod update;
mod validate;
mod warn;

pub use create::create;
pub use delete::delete;
pub use enqueue_wanted::enqueue_wanted;
pub use find::{find, find_own};
pub use grant::PastedGrant;
pub use input::NewConnection;
pub use installation::PastedInstallation;
pub use judge::health_of;
pub use list::{List, ListKey, Listed, list};
pub use refresh::{Refreshed, organization_of, refresh, refresh_due};
pub use rotate::rotate_due;
pub use test::test;
pub use timeline::{Timeline, timeline};
pub use told::{Told, check, relist, told};
pub use update::{Changes, update};
pub use validate::{Validation, record_refusal, revalidate, validate};
pub use warn::warn;
