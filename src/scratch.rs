//! A data directory that is thrown away.

use std::path::{Path, PathBuf};

use shared::vault::random;

use crate::exit::Failure;

/// Removed when dropped; the database in it must have ended by then.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A name that nobody else has; the directory itself is made by whoever uses it.
    pub fn new(purpose: &str) -> Result<Self, Failure> {
        let unique: [u8; 6] =
            random::bytes().map_err(|error| Failure::failed(error.to_string()))?;
        let unique: String = unique.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(
            std::env::temp_dir().join(format!("mooring-{purpose}-{unique}")),
        ))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!(
                "mooring: {} could not be removed: {error}",
                self.0.display()
            );
        }
    }
}
