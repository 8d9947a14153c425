//! The folder of the server's only door.
//!
//! The socket lies in a 0700 folder of the server's user, in the data directory. A socket's path has room for about 100 bytes
//! (108 on Linux, 104 on macOS and the BSDs); where the data directory lies deeper, the folder is made under the system's
//! temporary folder, under a name nobody can foresee, and noted for those who attach and for the next start, which removes it.
//!
//! A socket, and its lock file with a process id that may since belong to somebody else, can only be left over when this is
//! called: the caller holds the data directory and has made sure that no server runs on it. So the folder is always made anew.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::account::{self, Account};
use super::error::EmbeddedError;
use super::layout::{self, Layout};
use super::runtime::Runtime;
use super::surroundings::Surroundings;
use shared::vault::random;

/// The port is only a part of the socket's name.
pub(super) const PORT: u16 = 5432;
const LONGEST: usize = 100;
const PREFIX: &str = "mooring-socket-";

/// Makes the folder. `last` is the note of the run before.
pub(super) fn make_dir(
    layout: &Layout,
    last: Option<&Runtime>,
    account: Option<&Account>,
    surroundings: &Surroundings,
) -> Result<PathBuf, EmbeddedError> {
    if let Some(last) = last {
        forget(&last.socket);
    }
    let inside = layout.socket();
    layout::remove_dir(&inside)?;
    let dir = if fits(&inside) {
        inside
    } else {
        outside(account, surroundings)?
    };
    layout::make_private_dir(&dir, account)?;
    Ok(dir)
}

/// A path under the temporary folder; where that is too long itself, or the server cannot enter it, under `/tmp`.
fn outside(
    account: Option<&Account>,
    surroundings: &Surroundings,
) -> Result<PathBuf, EmbeddedError> {
    let name = format!("{PREFIX}{}", hex::encode(random::bytes::<8>()?));
    let own = surroundings.temp.join(&name);
    let closed = match account {
        Some(account) => account::first_closed_folder(account, &surroundings.temp, surroundings)?,
        None => None,
    };
    Ok(if closed.is_none() && fits(&own) {
        own
    } else {
        Path::new("/tmp").join(name)
    })
}

/// Removes a folder outside of the data directory at an orderly end.
pub(super) fn forget(dir: &Path) {
    if is_temporary(dir) {
        let _ = std::fs::remove_dir_all(dir);
    }
}

fn is_temporary(dir: &Path) -> bool {
    dir.file_name()
        .is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()))
}

fn fits(dir: &Path) -> bool {
    // The lock file beside the socket has the longest name, but only the socket's own path is limited.
    dir.join(format!(".s.PGSQL.{PORT}")).as_os_str().len() <= LONGEST
}
