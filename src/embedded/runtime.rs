//! The note that a running program leaves for others on the same data directory: `mooring worker` beside `mooring up`, and the
//! next start after a crash.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::EmbeddedError;
use super::layout::{self, Layout};

/// Where the server is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Runtime {
    /// The program's process.
    pub(super) program: u32,
    /// The server's process.
    pub(super) server: u32,
    /// The folder of its socket.
    pub(super) socket: PathBuf,
}

impl Runtime {
    /// None where there is no note, or none that can be read.
    pub(super) fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(layout.runtime()).ok()?).ok()
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<(), EmbeddedError> {
        let file = layout.runtime();
        let text = serde_json::to_string(self)
            .map_err(|error| EmbeddedError::file(&file)(error.into()))?;
        layout::write_whole(&file, 0o600, &text)
    }

    /// After an orderly end there is nothing to attach to and nothing to wait for.
    pub(super) fn remove(layout: &Layout) {
        let _ = std::fs::remove_file(layout.runtime());
    }
}
