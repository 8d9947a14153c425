//! The one home of randomness: the operating system's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;

use crate::domain::secret::Secret;

/// The operating system gives no randomness: nothing secret can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

/// `N` random bytes.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0_u8; N];
    SysRng.try_fill_bytes(&mut out).map_err(|_| NoRandomness)?;
    Ok(out)
}

/// A secret of 256 bits that is recognised by its prefix: `mrg_…`.
///
/// # Errors
/// [`NoRandomness`].
pub fn token(prefix: &str) -> Result<Secret, NoRandomness> {
    let secret: [u8; 32] = bytes()?;
    Ok(Secret::from(format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(secret)
    )))
}

/// A random fraction in [0, 1), for jitter.
#[must_use]
pub fn fraction() -> f64 {
    let drawn = bytes::<4>().map_or(0, u32::from_be_bytes);
    f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
}
