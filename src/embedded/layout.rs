//! Where things lie in a data directory, and who owns them.
//!
//! ```text
//! <data dir>             the program's, 0700; as root 0711: the server's user may pass, not look around
//!   mooring.lock         held by the running program, with its process id
//!   postgres/            the server's own directory, 0700, owned by its user
//!   postgres.new-…/      a first start in the making; whatever is found here was killed half-way
//!   postgres.password    the owner role's password, 0600, the program's
//!   postgres.hba         who may log in, 0644, the program's: the server's user cannot change it
//!   postgres.json        where the running server is, 0600, the program's
//!   postgres.log         what the server says, 0600, the program's
//!   socket/              the socket, 0700, owned by the server's user
//!   programs/            fetched programs, 0755
//! ```
//! Secrets that others put here with mode 0600 stay unreadable for the server's user, which owns none of them.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::EmbeddedError;
use shared::vault::random;

const DRAFT: &str = "postgres.new-";

/// The paths of one data directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Absolute, without links.
    pub(super) root: PathBuf,
}

impl Layout {
    /// Makes the data directory where it is missing.
    pub(super) fn prepare(
        data_dir: &Path,
        explicit: bool,
        other_user: bool,
    ) -> Result<Self, EmbeddedError> {
        let unusable = |source| EmbeddedError::Unusable {
            data_dir: data_dir.to_owned(),
            source,
        };
        let mode = if other_user { 0o711 } else { 0o700 };
        if !data_dir.is_dir() {
            if let Some(parent) = data_dir
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(parent)
                    .map_err(unusable)?;
            }
            match DirBuilder::new().mode(mode).create(data_dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(unusable(error));
                }
                // The mode asked for passes through the umask, which may have closed it to the server's user.
                _ => {
                    fs::set_permissions(data_dir, Permissions::from_mode(mode)).map_err(unusable)?
                }
            }
        } else if other_user && !explicit {
            let now = fs::metadata(data_dir)
                .map_err(unusable)?
                .permissions()
                .mode();
            if now & 0o001 == 0 {
                fs::set_permissions(data_dir, Permissions::from_mode((now & 0o7777) | 0o001))
                    .map_err(unusable)?;
            }
        }
        Ok(Self {
            root: data_dir.canonicalize().map_err(unusable)?,
        })
    }

    /// A data directory that is there already, for reading.
    pub(super) fn existing(data_dir: &Path) -> Option<Self> {
        data_dir.canonicalize().ok().map(|root| Self { root })
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("mooring.lock")
    }

    pub(super) fn pgdata(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Where a first start is made, under a name that no other one has.
    pub(super) fn new_draft(&self) -> Result<PathBuf, EmbeddedError> {
        Ok(self
            .root
            .join(format!("{DRAFT}{}", hex::encode(random::bytes::<4>()?))))
    }

    /// First starts that were interrupted.
    pub(super) fn drafts(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let is_draft = |name: &OsStr| name.as_bytes().starts_with(DRAFT.as_bytes());
        entries
            .filter(|entry| is_draft(&entry.file_name()))
            .map(|entry| entry.path())
            .collect()
    }

    pub(super) fn password(&self) -> PathBuf {
        self.root.join("postgres.password")
    }

    pub(super) fn hba(&self) -> PathBuf {
        self.root.join("postgres.hba")
    }

    pub(super) fn runtime(&self) -> PathBuf {
        self.root.join("postgres.json")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }

    pub(super) fn programs(&self) -> PathBuf {
        self.root.join("programs")
    }
}

/// Makes a new directory that only the server's user may enter.
pub(super) fn make_private_dir(dir: &Path, account: Option<&Account>) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(EmbeddedError::file(dir))?;
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(EmbeddedError::file(dir))?;
    if let Some(account) = account {
        std::os::unix::fs::lchown(dir, Some(account.uid), Some(account.gid))
            .map_err(EmbeddedError::file(dir))?;
    }
    Ok(())
}

/// Removes a tree; one that is not there is fine.
pub(super) fn remove_dir(dir: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::file(dir)(error))
        }
        _ => Ok(()),
    }
}

/// Replaces a file as a whole: a reader, or the next start after a power cut, sees the old one or the new one.
pub(super) fn write_whole(file: &Path, mode: u32, text: &str) -> Result<(), EmbeddedError> {
    let draft = file.with_extension("draft");
    let write = || -> io::Result<()> {
        let mut out = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(mode)
            .open(&draft)?;
        out.set_permissions(Permissions::from_mode(mode))?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&draft, file)?;
        file.parent().map_or(Ok(()), sync_dir)
    };
    write().map_err(EmbeddedError::file(file))
}

/// Makes renames inside a directory survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
