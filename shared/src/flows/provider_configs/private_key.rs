//! Whether a text is the private key of a GitHub App: RSA, as PEM, in PKCS#1 or PKCS#8.
//!
//! GitHub takes RS256 alone (GitHub, "Generating a JSON Web Token for a GitHub App"). A key that
//! only looks like one is found by signing with it, which is what it is for.

use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use crate::domain::secret::{ExposeSecret, Secret};

/// Checks a private key; the sentence says what to do.
pub(in crate::flows) fn check(key: &Secret) -> Result<(), &'static str> {
    const DOWNLOAD: &str = "This is not the private key of a GitHub App. Paste the whole .pem file that the App's settings page gives you (-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----).";
    const ELLIPTIC: &str = "This is an elliptic-curve key, and GitHub takes RSA alone. Paste the .pem file that the App's settings page gives you.";
    let text = key.expose_secret();
    let begins = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if begins("EC PRIVATE KEY") {
        return Err(ELLIPTIC);
    }
    if begins("OPENSSH PRIVATE KEY") {
        return Err(
            "This is an SSH key. Paste the .pem file that the App's settings page gives you.",
        );
    }
    if begins("ENCRYPTED PRIVATE KEY") || text.contains("ENCRYPTED") {
        return Err(
            "This key is encrypted with a passphrase. Paste the .pem file as GitHub gave it to you.",
        );
    }
    if begins("PUBLIC KEY") || begins("RSA PUBLIC KEY") || begins("CERTIFICATE") {
        return Err(
            "This is a public key or a certificate. Paste the private key of the App, the .pem file that its settings page gives you.",
        );
    }
    if EncodingKey::from_ec_pem(text.as_bytes()).is_ok() {
        return Err(ELLIPTIC);
    }
    let key = EncodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| DOWNLOAD)?;
    crypto::sign(b"mooring", &key, Algorithm::RS256)
        .map(drop)
        .map_err(|_| DOWNLOAD)
}
