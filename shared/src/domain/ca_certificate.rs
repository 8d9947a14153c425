//! The certificate authority of somebody's own instance.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

/// Certificates (PEM) that are trusted for one instance, besides the machine's own. Two are the
/// same where their texts are.
#[derive(Clone)]
pub struct CaCertificate {
    pem: String,
    digest: [u8; 32],
}

impl CaCertificate {
    /// From PEM that was checked when it was stored.
    #[must_use]
    pub fn new(pem: String) -> Self {
        let digest = Sha256::digest(pem.as_bytes()).into();
        Self { pem, digest }
    }

    /// The text.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl PartialEq for CaCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for CaCertificate {}

impl Hash for CaCertificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for CaCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaCertificate")
            .field(&hex::encode(self.digest))
            .finish()
    }
}
