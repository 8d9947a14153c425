//! Where a throw-away cluster lies, and what becomes of those that were left lying.
//!
//! In memory where there is room (`/dev/shm`), else under the temporary folder. The cluster's program holds two locks in its folder:
//! the data directory's while the server runs, and a [`Claim`] for as long as it means to start it again. A folder whose locks are
//! free belongs to nobody any more and is removed. One without the former may be in the making and is left alone while it is young.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::embedded::error::EmbeddedError;
use crate::embedded::layout::Layout;
use crate::embedded::surroundings::Surroundings;
use shared::vault::random;

const PREFIX: &str = "mooring-throwaway-";
/// A cluster takes 40 MB and a test database 8; tests run in parallel.
const ROOM: u64 = 512 << 20;
const YOUNG: Duration = Duration::from_secs(600);

/// The file of a [`Claim`].
const CLAIM: &str = "claim";

/// Keeps a folder from being taken for a stale one while its server is down. Given up by the kernel when the program ends.
pub(super) struct Claim {
    _file: File,
}

/// A new folder, after the stale ones are gone.
pub(super) fn make(surroundings: &Surroundings) -> Result<(PathBuf, Claim), EmbeddedError> {
    for base in [&surroundings.memory, &surroundings.temp] {
        remove_stale(base);
    }
    let in_memory = has_room(&surroundings.memory);
    let base = if in_memory {
        &surroundings.memory
    } else {
        &surroundings.temp
    };
    let dir = base.join(format!("{PREFIX}{}", hex::encode(random::bytes::<6>()?)));
    // As root the server's user must be able to pass; it is a test's data.
    let mode = if rustix::process::geteuid().is_root() {
        0o711
    } else {
        0o700
    };
    DirBuilder::new()
        .mode(mode)
        .create(&dir)
        .map_err(EmbeddedError::file(&dir))?;
    let path = dir.join(CLAIM);
    let file = File::create(&path).map_err(EmbeddedError::file(&path))?;
    file.lock().map_err(EmbeddedError::file(&path))?;
    let dir = dir.canonicalize().map_err(EmbeddedError::file(&dir))?;
    Ok((dir, Claim { _file: file }))
}

fn has_room(folder: &Path) -> bool {
    rustix::fs::access(
        folder,
        rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
    )
    .is_ok()
        && rustix::fs::statvfs(folder)
            .is_ok_and(|room| room.f_bavail.saturating_mul(room.f_frsize) >= ROOM)
}

fn remove_stale(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let dir = entry.path();
        let Some(layout) = Layout::existing(&dir) else {
            continue;
        };
        // The claim first: a look at the other lock might meet its owner's start in the middle.
        let claimed = is_free(&dir.join(CLAIM)) == Some(false);
        let stale = !claimed && is_free(&layout.lock()).unwrap_or_else(|| is_old(&dir));
        if stale {
            let _ = std::fs::remove_dir_all(&dir);
        }
    }
}

/// Whether nobody holds a lock; `None` where there is no such file.
fn is_free(lock: &Path) -> Option<bool> {
    match File::open(lock) {
        Ok(lock) => Some(lock.try_lock().is_ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => Some(false),
    }
}

fn is_old(dir: &Path) -> bool {
    let age = dir
        .metadata()
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|made| made.elapsed().ok());
    age.is_some_and(|age| age > YOUNG)
}
