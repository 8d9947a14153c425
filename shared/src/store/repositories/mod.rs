//! `repositories`: what syncs have found. Written a page at a time (`unnest`), listed by name.

mod event;
mod read;
mod write;

pub use event::{KnownRepository, Mark, known_for_update, move_mark, note_event, remove};
pub use read::{Filter, Key, by_name, count, counted, get, list};
pub use write::{
    PageChanges, Removed, move_counters, move_total, remove_unseen, unseen, upsert_page,
};
