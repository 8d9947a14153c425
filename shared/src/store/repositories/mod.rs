//! `repositories`: what syncs have found. Written a page at a time (`unnest`), listed by name.

mod counters;
mod event;
mod gone;
mod insert;
mod read;
mod write;

pub use counters::{move_counters, move_total};
pub use event::{Dated, KnownRepository, Mark, known_for_update, move_mark, note_event, remove};
pub use gone::{Removed, Walk, remove_unseen, unseen};
pub use read::{Filter, Key, by_name, count, counted, get, list};
pub use write::{Likely, Owner, PageChanges, upsert_page};
