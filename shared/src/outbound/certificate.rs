//! Certificates of an instance's own authority, as somebody pasted them.

use reqwest::Certificate;

/// Checks certificates (PEM) before they are stored: there is one, and TLS takes each of them as an
/// authority's.
///
/// # Errors
/// A sentence that says what to do.
pub fn check_certificate(pem: &str) -> Result<(), String> {
    const WHAT: &str = "Paste the certificate of the authority as PEM, beginning with -----BEGIN CERTIFICATE-----; several may follow one another.";
    if pem.contains("PRIVATE KEY-----") {
        return Err(format!(
            "This holds a private key, which does not belong here. Change that key, for it was sent. {WHAT}"
        ));
    }
    let certificates = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|_| format!("These certificates cannot be read. {WHAT}"))?;
    if certificates.is_empty() {
        return Err(format!("This is no certificate. {WHAT}"));
    }
    trial(certificates).map_err(|_| format!("TLS does not take this certificate. {WHAT}"))
}

/// A client that is thrown away: only its making reads a certificate to its end.
#[expect(
    clippy::disallowed_methods,
    reason = "it is built to see whether it can be, and sends nothing"
)]
fn trial(certificates: Vec<Certificate>) -> Result<(), reqwest::Error> {
    let built = reqwest::Client::builder()
        .tls_certs_only(certificates)
        .build();
    built.map(drop)
}
