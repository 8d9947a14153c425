//! Keys derived from the keyring's: one per row for sealing, one per purpose for MACs.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::place::{Place, framed};

/// HKDF-SHA256 over tenant, table and row.
pub(super) fn row_key(key: &Zeroizing<[u8; 32]>, place: &Place) -> Zeroizing<[u8; 32]> {
    expand(key, &place.row_info())
}

/// HMAC-SHA256 of framed parts under a key derived for a purpose.
pub(super) fn mac(key: &Zeroizing<[u8; 32]>, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let derived = expand(key, &framed(&[b"mooring mac key v1", purpose.as_bytes()]));
    let mut mac = Hmac::<Sha256>::new_from_slice(derived.as_slice())
        .expect("HMAC-SHA256 takes keys of any length");
    mac.update(&framed(parts));
    mac.finalize().into_bytes().into()
}

fn expand(key: &Zeroizing<[u8; 32]>, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, key.as_slice())
        .expand(info, out.as_mut_slice())
        .expect("32 bytes are less than HKDF's 255 blocks");
    out
}
