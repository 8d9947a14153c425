//! Secrets at rest: a stolen database yields none.
//!
//! Needs: a database dump must not open; a ciphertext moved to another row or column must not
//! open; keys must change while everything runs.
//! Properties: AES-256-GCM; a fresh 96-bit nonce per value; the key is derived per row
//! (HKDF-SHA256 of the keyring's key over tenant, table and row), because random nonces under one
//! key would pass their safe number (2³²) within months of refreshes; the associated data bind
//! tenant, table, row, column and key id, so that a value opens only where it was put.
//! Design: [`Vault`] holds the [`Keyring`]; [`Place`] names where a value lives; [`sealed`] is the
//! wire format. The first key seals, every key opens.
//! Out of scope: an attacker with the keys, or with the memory of a running process.

mod derive;
mod keyring;
mod place;
pub mod random;
mod sealed;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

pub use keyring::{Keyring, KeyringError};
pub use place::{Column, Place};

use crate::domain::secret::{ExposeSecret, Secret};

/// Why a value could not be sealed or opened. Never says anything of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Sealed under a key that the keyring does not hold.
    #[error(
        "a stored secret is sealed under the key {0:?}, which is not in MOORING_ENCRYPTION_KEYS"
    )]
    UnknownKey(String),
    /// Changed, moved to another place, or sealed under another key of the same id.
    #[error("a stored secret does not open: it was changed or moved, or its key is another one")]
    Refused,
    /// Not in the wire format.
    #[error("a stored secret is not in a format that this version reads")]
    Malformed,
    /// Longer than AES-GCM takes, or no randomness.
    #[error("a secret cannot be sealed")]
    Seal,
}

/// Seals and opens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    keyring: Keyring,
}

impl Vault {
    /// A vault over a keyring.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// Seals a secret for a place.
    ///
    /// # Errors
    /// [`VaultError::Seal`] where the system gives no randomness.
    pub fn seal(&self, place: &Place, secret: &Secret) -> Result<Vec<u8>, VaultError> {
        let (key_id, key) = self.keyring.first();
        let nonce: [u8; 12] = random::bytes().map_err(|_| VaultError::Seal)?;
        self.seal_with(key_id, key, nonce, place, secret)
    }

    fn seal_with(
        &self,
        key_id: &str,
        key: &Zeroizing<[u8; 32]>,
        nonce: [u8; 12],
        place: &Place,
        secret: &Secret,
    ) -> Result<Vec<u8>, VaultError> {
        let cipher = cipher(key, place)?;
        let aad = place.associated_data(key_id);
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: &aad,
        };
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| VaultError::Seal)?;
        Ok(sealed::write(key_id, nonce, &ciphertext))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`VaultError`] where it was changed, moved, or sealed under an unknown key.
    pub fn open(&self, place: &Place, stored: &[u8]) -> Result<Secret, VaultError> {
        let value = sealed::read(stored).ok_or(VaultError::Malformed)?;
        let key = self
            .keyring
            .get(value.key_id)
            .ok_or_else(|| VaultError::UnknownKey(value.key_id.to_owned()))?;
        let cipher = cipher(key, place)?;
        let aad = place.associated_data(value.key_id);
        let payload = Payload {
            msg: value.ciphertext,
            aad: &aad,
        };
        let opened = cipher
            .decrypt(&Nonce::from(value.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Refused)?;
        let text = std::str::from_utf8(&opened).map_err(|_| VaultError::Malformed)?;
        Ok(Secret::from(text))
    }

    /// The key id that a stored value is under, for key rotation.
    #[must_use]
    pub fn key_id_of(stored: &[u8]) -> Option<&str> {
        sealed::read(stored).map(|value| value.key_id)
    }

    /// A MAC under a key derived for `purpose` (`activity entry`, `activity chain`, …): its key id
    /// and 32 bytes. The parts are length-prefixed, so that no two lists of parts collide.
    #[must_use]
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> (String, [u8; 32]) {
        let (key_id, key) = self.keyring.first();
        (key_id.to_owned(), derive::mac(key, purpose, parts))
    }

    /// Whether the keyring holds a key of that id.
    #[must_use]
    pub fn holds_key(&self, key_id: &str) -> bool {
        self.keyring.get(key_id).is_some()
    }

    /// A MAC under the key of that id; `None` where the keyring does not hold it.
    #[must_use]
    pub fn mac_under(&self, key_id: &str, purpose: &str, parts: &[Vec<u8>]) -> Option<[u8; 32]> {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        self.keyring
            .get(key_id)
            .map(|key| derive::mac(key, purpose, &parts))
    }

    /// Checks a MAC under the key of that id, in constant time; false for an unknown key.
    #[must_use]
    pub fn mac_holds(&self, key_id: &str, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.keyring
            .get(key_id)
            .is_some_and(|key| derive::mac(key, purpose, parts).ct_eq(mac).into())
    }
}

fn cipher(key: &Zeroizing<[u8; 32]>, place: &Place) -> Result<Aes256Gcm, VaultError> {
    let row_key = derive::row_key(key, place);
    Aes256Gcm::new_from_slice(row_key.as_slice()).map_err(|_| VaultError::Seal)
}

#[cfg(test)]
mod tests;
