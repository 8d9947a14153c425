//! Listings in their order, kept until the forge is edited: a walk over a hundred pages sorts once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::RepositoryId;

const KEPT: usize = 1_000;

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
