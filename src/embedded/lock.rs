//! One program per data directory.
//!
//! The running program holds an advisory lock on a file. The kernel gives it up when the program ends, however it ends, so there
//! is no stale lock; the process id inside is only for the message. The file is never removed: a lock on a removed file would keep
//! nobody out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::EmbeddedError;

/// Held for as long as the value lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(file: &Path, data_dir: &Path) -> Result<Self, EmbeddedError> {
        let unusable = |source| EmbeddedError::Unusable {
            data_dir: data_dir.to_owned(),
            source,
        };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {
                let write = |lock: &mut File| {
                    lock.set_len(0)?;
                    lock.rewind()?;
                    writeln!(lock, "{}", std::process::id())
                };
                write(&mut lock).map_err(unusable)?;
                Ok(Self { _file: lock })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = lock
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                Err(EmbeddedError::InUse {
                    data_dir: data_dir.to_owned(),
                    pid,
                })
            }
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}
