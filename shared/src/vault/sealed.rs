//! The wire format of a sealed value:
//!
//! ```text
//! 0x01 | length of key id (1 byte) | key id | nonce (12 bytes) | ciphertext and tag
//! ```

const VERSION: u8 = 1;

/// A sealed value taken apart.
pub(super) struct Sealed<'a> {
    pub(super) key_id: &'a str,
    pub(super) nonce: [u8; 12],
    pub(super) ciphertext: &'a [u8],
}

pub(super) fn write(key_id: &str, nonce: [u8; 12], ciphertext: &[u8]) -> Vec<u8> {
    // The keyring holds ids to 32 bytes.
    let length = u8::try_from(key_id.len()).unwrap_or(u8::MAX);
    let mut out = Vec::with_capacity(14 + key_id.len() + ciphertext.len());
    out.extend_from_slice(&[VERSION, length]);
    out.extend_from_slice(key_id.as_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(ciphertext);
    out
}

pub(super) fn read(stored: &[u8]) -> Option<Sealed<'_>> {
    let (&[version, length], rest) = stored.split_first_chunk()?;
    if version != VERSION {
        return None;
    }
    let (key_id, rest) = rest.split_at_checked(length.into())?;
    let (nonce, ciphertext) = rest.split_first_chunk()?;
    Some(Sealed {
        key_id: std::str::from_utf8(key_id).ok()?,
        nonce: *nonce,
        ciphertext,
    })
}
