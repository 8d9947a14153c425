//! Secrets that a data directory brings with it: made on the first start, read on every other.
//!
//! Each is a file of mode 0600, written whole under another name and linked into place, so that
//! two programs that start at once agree on one value, and a power cut leaves all of it or none.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use shared::domain::secret::{ExposeSecret, Secret};
use shared::vault::{Keyring, random};

use crate::exit::Failure;

const ENCRYPTION_KEYS: &str = "encryption_keys";
const JWT_SECRET: &str = "jwt_secret";

/// What an embedded run generates.
pub struct Generated {
    /// The keys of stored secrets.
    pub keyring: Keyring,
    /// The HS256 secret of user tokens.
    pub jwt_secret: Secret,
}

/// Reads both secrets, making what is missing. The directory exists.
pub fn read_or_make(data_dir: &Path) -> Result<Generated, Failure> {
    let keys = data_dir.join(ENCRYPTION_KEYS);
    let keys_text = match read(&keys)? {
        Some(text) => text,
        None => {
            let key =
                Keyring::generate("k1").map_err(|error| Failure::failed(error.to_string()))?;
            make(&keys, key.as_str())?
        }
    };
    let jwt = data_dir.join(JWT_SECRET);
    let jwt_secret = match read(&jwt)? {
        Some(secret) => secret,
        None => {
            let secret = random::token("").map_err(|error| Failure::failed(error.to_string()))?;
            make(&jwt, secret.expose_secret())?
        }
    };
    Ok(Generated {
        keyring: keyring(&keys, &keys_text)?,
        jwt_secret,
    })
}

/// Reads both secrets of a data directory that another program runs.
pub fn read_existing(data_dir: &Path) -> Result<Generated, Failure> {
    let keys = data_dir.join(ENCRYPTION_KEYS);
    let text = read(&keys)?.ok_or_else(|| absent(&keys, "MOORING_ENCRYPTION_KEYS"))?;
    Ok(Generated {
        keyring: keyring(&keys, &text)?,
        jwt_secret: jwt_secret(data_dir)?,
    })
}

/// The HS256 secret alone.
pub fn jwt_secret(data_dir: &Path) -> Result<Secret, Failure> {
    let path = data_dir.join(JWT_SECRET);
    read(&path)?.ok_or_else(|| absent(&path, "MOORING_JWT_SECRET"))
}

fn keyring(path: &Path, text: &Secret) -> Result<Keyring, Failure> {
    let parsed = text.expose_secret().parse::<Keyring>();
    parsed.map_err(|error| {
        Failure::failed(format!(
            "{}: {error}; restore the file from a backup",
            path.display()
        ))
    })
}

fn absent(path: &Path, setting: &str) -> Failure {
    Failure::usage(format!(
        "{setting}: is not set, and {} is not there; set it, or MOORING_DATA_DIR to the directory of `mooring up`",
        path.display()
    ))
}

fn read(path: &Path) -> Result<Option<Secret>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(Failure::failed(format!(
            "{} is empty; restore it from a backup",
            path.display()
        ))),
        Ok(text) => Ok(Some(Secret::from(text.trim()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!(
            "MOORING_DATA_DIR: {} cannot be read: {error}",
            path.display()
        ))),
    }
}

/// Puts a new secret in place and gives what is there then: ours, or that of whoever was first.
fn make(path: &Path, text: &str) -> Result<Secret, Failure> {
    let draft = path.with_extension(format!("draft.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut out = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::remove_file(&draft)?;
        path.parent()
            .map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    let unwritable = |error| {
        Failure::usage(format!(
            "MOORING_DATA_DIR: {} cannot be written: {error}",
            path.display()
        ))
    };
    write().map_err(unwritable)?;
    read(path)?.ok_or_else(|| Failure::failed(format!("{} disappeared", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("mooring-secrets-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn made_once_and_read_back() {
        let folder = Folder::new("once");
        let first = read_or_make(&folder.0).unwrap();
        let second = read_or_make(&folder.0).unwrap();
        assert_eq!(
            first.jwt_secret.expose_secret(),
            second.jwt_secret.expose_secret()
        );
        assert!(first.jwt_secret.expose_secret().len() >= 32);
        let names: Vec<_> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            let mode = fs::metadata(folder.0.join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(read_existing(&folder.0).is_ok());
    }

    #[test]
    fn whoever_is_first_wins() {
        let folder = Folder::new("race");
        let path = folder.0.join("secret");
        assert_eq!(make(&path, "first").unwrap().expose_secret(), "first");
        assert_eq!(make(&path, "second").unwrap().expose_secret(), "first");
    }

    #[test]
    fn an_empty_file_is_not_replaced() {
        let folder = Folder::new("empty");
        fs::write(folder.0.join(ENCRYPTION_KEYS), "").unwrap();
        assert!(read_or_make(&folder.0).is_err());
    }
}
