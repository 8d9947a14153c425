//! `repositories`: what syncs have found. Written a page at a time (`unnest`), listed by name.

mod read;
mod write;

pub use read::{Filter, Key, by_name, count, counted, get, list};
pub use write::{
    PageChanges, Removed, move_counters, move_total, remove_unseen, unseen, upsert_page,
};
