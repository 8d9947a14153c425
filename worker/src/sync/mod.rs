//! Listing every repository of a connection, page by page, and storing them.
//!
//! Needs: any number of repositories; a worker may die at any page; nothing is removed that a
//! complete listing would have shown.
//! Properties: a page is one transaction (rows and checkpoint), so a run that is taken over goes on
//! after its last page; a page counts once, whoever stores it; only a run that saw every page
//! removes anything.
//! Races: two workers on one run (a worker that was thought dead): every page and every end demands
//! the claim of the job that the run was last taken with, and the older one stops without a trace.
//! A connection deleted meanwhile: pages, ends and deletion all lock the connection first. A webhook that changes a
//! repository while its page is under way: the later writer wins, and the job is run again.

mod confirm;
mod ending;
mod walk;

pub(crate) use ending::fail;
pub use walk::{Halt, Walked, walk};
