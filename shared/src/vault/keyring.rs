//! The keys: `id:base64(32 bytes)`, comma separated; the first seals, all open.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::random;

type Key = Zeroizing<[u8; 32]>;

/// The keys, in order. Cheap to clone; printing shows ids only.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<[(String, Key)]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

/// What is wrong with a keyring as written. Never shows a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Nothing in it.
    #[error("holds no key; make one with `mooring keys generate`")]
    Empty,
    /// An entry without `id:`.
    #[error("entry {0} is not of the form id:base64")]
    Form(usize),
    /// An id that cannot be one.
    #[error("entry {0}: the id must be 1–32 letters, digits, '-' or '_'")]
    Id(usize),
    /// A key that is not 32 bytes of base64.
    #[error("entry {0}: the key must be 32 bytes in base64; make one with `mooring keys generate`")]
    Key(usize),
    /// Two keys of one id.
    #[error("entry {0}: its id stands twice")]
    Twice(usize),
}

impl FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let mut keys: Vec<(String, Key)> = Vec::new();
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            let number = index + 1;
            if entry.is_empty() {
                continue;
            }
            let (id, encoded) = entry.split_once(':').ok_or(KeyringError::Form(number))?;
            let valid = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !valid {
                return Err(KeyringError::Id(number));
            }
            if keys.iter().any(|(known, _)| known == id) {
                return Err(KeyringError::Twice(number));
            }
            let decoded = STANDARD.decode(encoded).map(Zeroizing::new);
            let bytes = decoded.map_err(|_| KeyringError::Key(number))?;
            let key =
                <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyringError::Key(number))?;
            keys.push((id.to_owned(), Zeroizing::new(key)));
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        Ok(Self { keys: keys.into() })
    }
}

impl Keyring {
    /// A new key as it is written in the setting: `id:base64`.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn generate(id: &str) -> Result<Zeroizing<String>, random::NoRandomness> {
        let key: Key = Zeroizing::new(random::bytes()?);
        let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
        Ok(Zeroizing::new(format!("{id}:{}", encoded.as_str())))
    }

    /// The key that seals.
    pub(super) fn first(&self) -> (&str, &Key) {
        let (id, key) = &self.keys[0];
        (id, key)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.keys
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, key)| key)
    }
}
