//! Listing every repository of a connection, page by page, and storing them.
//!
//! Needs: any number of repositories; a worker may die at any page; nothing is removed that a
//! complete listing would have shown.
//! Properties: a page is one transaction (rows, checkpoint, and the pages that it tells of), so a run
//! that is taken over goes on with what is missing, in whatever order pages came; a page counts once,
//! whoever stores it; only a run that saw every page removes anything.
//! Design: the plan of a run is rows (`store::sync_pages`), and a run is whole when every page of a
//! plan that is closed under "what follows" is done. Pages are fetched by one future and stored by
//! another, joined by a short channel: several at a time where they are known of (`ahead`, or from
//! last time), and the next one while the last is stored where they are not. A page that is as it was
//! (304) counts as seen with the ids of last time: it is as if its body had come again.
//! Races: two workers on one run (a worker that was thought dead): every page and every end demands
//! the claim of the job that the run was last taken with, and the older one stops without a trace.
//! A connection deleted meanwhile: pages, ends and deletion all lock the connection first. A webhook that changes a
//! repository while its page is under way: the later writer wins, and the job is run again. One that
//! changes it later: the page's ETag is no longer relied on, so that its body is read again.
//! A listing that moves while it is read, where pages are numbered: what was not seen is asked for by
//! name before it counts as gone (`confirm`). A repository that a delivery told of while pages were read:
//! the run says nothing of what came or changed after it began. A renewal that ends the access token under
//! way: the job goes on with the newer one, once, on the same run (`jobs::sync_connection`).

mod confirm;
mod ending;
mod fetch;
mod keep;
mod plan;
mod walk;

pub(crate) use ending::fail;
pub use walk::{Halt, Walked, walk, walk_paced};
