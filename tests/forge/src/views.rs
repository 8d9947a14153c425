//! Listings in their order, and long pages as they were written, kept until the forge is edited: a walk over a hundred
//! pages sorts once, and what is asked for again is not written again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Answer;
use crate::model::RepositoryId;

const KEPT: usize = 1_000;

/// Bytes of pages.
const KEPT_BYTES: usize = 512 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Views(Mutex<HashMap<String, View>>);

struct View {
    version: u64,
    ids: Arc<[RepositoryId]>,
}

impl Views {
    /// The listing of this key as of this version of the state.
    pub(crate) fn get(
        &self,
        key: String,
        version: u64,
        make: impl FnOnce() -> Vec<RepositoryId>,
    ) -> Arc<[RepositoryId]> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = held.get(&key).filter(|view| view.version == version) {
            return view.ids.clone();
        }
        drop(held);
        let ids: Arc<[RepositoryId]> = make().into();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= KEPT {
            held.clear();
        }
        let kept = ids.clone();
        held.insert(key, View { version, ids: kept });
        ids
    }
}

/// Pages as they were written, of one version of the state.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Written>);

#[derive(Default)]
struct Written {
    version: u64,
    bytes: usize,
    pages: HashMap<String, Answer>,
}

impl Pages {
    /// The page of this key as of this version of the state.
    pub(crate) fn get(&self, key: String, version: u64, make: impl FnOnce() -> Answer) -> Answer {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.pages.get(&key).filter(|_| held.version == version);
        if let Some(page) = known {
            return page.clone();
        }
        drop(held);
        let page = make();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.version != version || held.bytes > KEPT_BYTES {
            *held = Written {
                version,
                ..Written::default()
            };
        }
        held.bytes += page.body().len();
        held.pages.insert(key, page.clone());
        page
    }
}
